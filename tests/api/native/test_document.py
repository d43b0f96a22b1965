"""The OpenAPI document and the reference page say what the routes do."""

import re
from pathlib import Path
from typing import Any, cast

from fastapi.routing import APIRoute
from openapi_spec_validator import validate

from api.native.conftest import Api
from headrace.api.native.document import document
from headrace.api.native.reference import reference
from headrace.api.native.schemas import Schemas, words_of
from headrace.core.native.operation import Download
from headrace.core.native.runs import ListRuns, RunView
from headrace.core.native.table import OPERATIONS
from headrace.core.native.wire import members_of

PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "native-api.md"


def test_the_page_is_in_step() -> None:
    """Made anew with: `python -c 'from headrace.api.native.reference import reference; print(reference(), end="")'`."""
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_the_document_is_valid_and_has_every_route(nobody: Api) -> None:
    """A route without a description, or a description without a route, would make it a lie."""
    validate(document())
    served = {
        (route.path, method.lower())
        for route in nobody.app.state.offered
        if isinstance(route, APIRoute)
        for method in (route.methods or set()) - {"HEAD"}
    }
    written = {(path, method) for path, methods in document()["paths"].items() for method in methods}
    assert served == written


def test_the_document_is_served_to_those_who_may_ask(reader: Api) -> None:
    """As it is checked here."""
    assert reader("GET", "/openapi.json").json() == document()


def test_names_of_operations_and_types_are_given_once() -> None:
    """Two types of one name would be one in the document."""
    names = [one["operationId"] for methods in document()["paths"].values() for one in methods.values()]
    assert len(names) == len(set(names))
    types = {one.told for one in OPERATIONS} - {Download}
    assert len({cls.__name__ for cls in types}) == len(types)
    assert set(re.findall(r"#/components/schemas/(\w+)", str(document()))) <= set(document()["components"]["schemas"])


def test_words_of_members_come_from_docstrings() -> None:
    """Those of the class, and those below a member; with numbers for names of constants."""
    assert words_of(ListRuns)["since"] == words_of(ListRuns)["until"] == "When they were made, half-open."
    assert words_of(RunView)["revision"] == "Changes whenever something of this does."
    assert "500" in words_of(RunView)["activities"]
    described = sum(len(words_of(cast("Any", one.asked))) for one in OPERATIONS)
    assert described > 30


def test_what_is_asked_in_a_body_takes_no_other_members() -> None:
    """And what is told has all of them."""
    schemas = Schemas()
    for one in OPERATIONS:
        assert schemas.body(one.asked, one.path_names)["additionalProperties"] is False
        if one.told is not Download:
            schemas.of(one.told)
    assert set(schemas.named["RunLine"]["required"]) == set(members_of(RunView)["run"].__dataclass_fields__)
