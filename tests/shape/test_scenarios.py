"""The maps of scenarios and of security are true: every row is there, and every test that they name exists."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
TESTS = ROOT / "tests"
PAGES = {name: ROOT / "docs" / "reference" / name for name in ("scenarios.md", "security.md")}
LATER = ("not applicable yet", "comes with a later release", "come with a later release")
_ROW = re.compile(r"^\| (?P<name>[DC]?\d+) \|(?P<rest>.*)\|$", re.MULTILINE)
_TEST = re.compile(r"`(?P<file>[\w/]+\.py)::(?P<name>\w+)`")


@cache
def _functions(file: str) -> frozenset[str]:
    path = TESTS / file
    if not path.exists():
        return frozenset()
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return frozenset(node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def _rows(page: str) -> dict[str, str]:
    return {row["name"]: row["rest"] for row in _ROW.finditer(PAGES[page].read_text(encoding="utf-8"))}


@pytest.mark.parametrize(
    ("page", "names"),
    [
        ("scenarios.md", [*(f"D{number}" for number in range(1, 25)), *(f"C{number}" for number in range(1, 29))]),
        ("security.md", [str(number) for number in range(1, 14)]),
    ],
)
def test_every_row_is_there_in_order(page: str, names: list[str]) -> None:
    """A scenario that nobody looks at any more is one that comes back."""
    assert list(_rows(page)) == names


@pytest.mark.parametrize("page", PAGES)
def test_every_test_that_is_named_exists(page: str) -> None:
    """A test that was renamed or removed is missed here."""
    named = _TEST.findall(PAGES[page].read_text(encoding="utf-8"))
    assert [f"{file}::{name}" for file, name in named if name not in _functions(file)] == []
    assert len(named) > len(_rows(page))


@pytest.mark.parametrize("page", PAGES)
def test_every_row_names_its_test_or_says_that_its_subject_is_not_there(page: str) -> None:
    """There is no third way."""
    silent = [
        name for name, rest in _rows(page).items() if not _TEST.search(rest) and not any(w in rest for w in LATER)
    ]
    assert silent == []
