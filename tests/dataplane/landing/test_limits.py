"""Limits are documented, each with its unit."""

from dataclasses import fields
from pathlib import Path

from headrace.dataplane.limits import Limits

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "limits.md"


def test_every_limit_is_documented() -> None:
    """Whoever meets a limit's name in a message finds what it bounds."""
    page = PAGE.read_text(encoding="utf-8")
    assert [field.name for field in fields(Limits) if f"| `{field.name}` |" not in page] == []
