"""The documents stay true."""

import re
from pathlib import Path

import pytest

from headrace.core.errors import BLAME, Code
from headrace.core.run import RejectCode

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    """A link to another page or file of the project names one that exists."""
    targets = re.findall(r"\]\((?!https?://|mailto:|#)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_every_problem_code_is_explained() -> None:
    """Whoever meets a code finds what it means and who has to act."""
    text = (ROOT / "docs" / "reference" / "problems.md").read_text(encoding="utf-8")
    assert [code for code in Code if f"`{code.value}`" not in text] == []
    assert set(BLAME) == set(Code)


def test_every_reject_code_is_explained() -> None:
    """Whoever reads a quarantine file finds what each reason means."""
    text = (ROOT / "docs" / "reference" / "problems.md").read_text(encoding="utf-8")
    assert [code for code in RejectCode if f"`{code.value}`" not in text] == []


INDEX = ROOT / "docs" / "README.md"
_WORD = re.compile(r"\[([a-z ]+)\]\((concepts/[a-z-]+\.md)\)")
WORDS = _WORD.findall(INDEX.read_text(encoding="utf-8"))


@pytest.mark.parametrize(("word", "page"), WORDS, ids=[word for word, _ in WORDS])
def test_a_word_of_the_index_is_explained_on_its_page(word: str, page: str) -> None:
    """Whoever looks a word up finds it in bold where the index leads."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    assert re.search(rf"\*\*(an? )?{word}(s|es)?\*\*", text, re.IGNORECASE)


def test_the_index_has_every_word_of_the_ledger_and_every_page() -> None:
    """No concept, and no page, is without a place where one looks for it."""
    ledger = "scope flow activity run group retry landing promotion batch reject quarantine window".split()  # noqa: SIM905 — a list of words
    assert {*ledger, "carried over", "commit key", "activity run"} <= {word for word, _ in WORDS}
    docs, text = INDEX.parent, INDEX.read_text(encoding="utf-8")
    pages = (page.relative_to(docs).as_posix() for page in docs.rglob("*.md") if page != INDEX)
    assert [page for page in pages if f"]({page})" not in text] == []


GUIDES = sorted((ROOT / "docs" / "guides").glob("*.md"))


@pytest.mark.parametrize("guide", [one for one in GUIDES if "```console" in one.read_text()], ids=lambda one: one.name)
def test_a_guide_with_commands_is_executed_by_a_test(guide: Path) -> None:
    """What a guide lets people enter has been entered."""
    tests = (ROOT / "tests").rglob("test_*.py")
    assert any(f'"{guide.name}"' in one.read_text(encoding="utf-8") for one in tests)
