"""The OpenAPI document, the routes and the reference page say the same."""

import re
from pathlib import Path

from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator

import headrace.api.datafactory
from api.datafactory.conftest import Client
from headrace.api.datafactory.app import OPEN, ROUTERS
from headrace.api.datafactory.document import METHODS, document, paths_table

FOLDER = Path(headrace.api.datafactory.__file__).with_name("openapi")
PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "data-factory.md"


def _plain(path: str) -> str:
    """Return a path with all of its places alike, and its words in lower case."""
    return re.sub(r"\{[^}]*\}", "{}", path).lower()


def test_every_route_is_documented_and_nothing_else() -> None:
    """A route without an operation, or an operation without a route, would make the document a lie."""
    written = {
        (method, _plain(path))
        for path, methods in document()["paths"].items()
        for method in methods
        if method in METHODS
    }
    served = {
        (method.lower(), _plain(route.path))
        for router in (*OPEN, *ROUTERS)
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in route.methods or ()
    }
    assert served - written == set(), "routes that are not documented"
    assert written - served == set(), "operations that nobody answers"


def test_the_document_is_whole() -> None:
    """References lead somewhere, shapes are JSON Schema, operations have names of their own, no name is written twice."""
    shapes = document()["components"]["schemas"]
    assert set(re.findall(r"#/components/schemas/(\w+)", str(document()))) <= set(shapes)
    for shape in shapes.values():
        Draft202012Validator.check_schema(shape)
    names = [
        operation["operationId"]
        for methods in document()["paths"].values()
        for method, operation in methods.items()
        if method in METHODS
    ]
    assert len(names) == len(set(names))
    for file in FOLDER.glob("*.yaml"):
        written = re.findall(r"^([\w$'][^:]*):", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(written) == len(set(written)), file.name


def test_the_page_lists_every_operation() -> None:
    """The page's table is made from the document."""
    assert paths_table() in PAGE.read_text(encoding="utf-8")


def test_the_document_is_served(client: Client) -> None:
    """For those who may ask at all."""
    assert client.raw("GET", "/datafactory/openapi.json").json()["info"]["version"] == "2018-06-01"
