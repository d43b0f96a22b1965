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
