"""The reference page of flow files."""

from pathlib import Path

from headrace.flowfile.reference import page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "flowfile.md"


def test_the_page_is_the_table_that_files_are_read_by() -> None:
    """Make it anew with: python -c "from headrace.flowfile.reference import page; print(page(), end='')" > docs/reference/flowfile.md."""
    assert PAGE.read_text(encoding="utf-8") == page()
