"""The reference page says what is served."""

import re
from pathlib import Path

from fastapi.routing import APIRoute

from headrace.api.flowservice.app import ROUTERS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "flow-service.md"


def documented() -> set[str]:
    """Return the paths of the page's first table, written out."""
    table = PAGE.read_text(encoding="utf-8").partition("## Paths")[2].partition("\n\n|")[2].partition("\n\n")[0]
    found: set[str] = set()
    for row in table.splitlines():
        for text in re.findall(r"`([^`]*/[^`]*)`", row):
            whole = text.replace("…", "/data/foundation")
            found |= {whole.replace("[/{id}]", ""), re.sub(r"[\[\]]", "", whole)}
    return found


def test_the_page_lists_every_path() -> None:
    """A path that is served stands in the reference, and one that stands there is served."""
    page = {path.replace("{id}", "{}") for path in documented()} - {"/data/foundation/flowservice/openapi.json"}
    served = {
        re.sub(r"\{[\w:]+\}", "{}", route.path)
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute)
    }
    assert page == served
