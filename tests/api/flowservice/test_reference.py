"""The reference page says what is served."""

from pathlib import Path

from headrace.api.flowservice.document import paths_table

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "flow-service.md"


def test_the_page_lists_every_operation() -> None:
    """The page's table is made from the door's document, which tests hold against the routes."""
    assert paths_table() in PAGE.read_text(encoding="utf-8")
