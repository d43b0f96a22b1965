"""The OpenAPI document, the routes and the reference page say the same."""

import re
from pathlib import Path

from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator

import headrace.api.jobs
from api.jobs.conftest import Client
from headrace.api.jobs.document import METHODS, document, paths_table
from headrace.api.jobs.mounts import API
from headrace.api.jobs.routes import OPEN, ROOT_ROUTERS, ROUTERS

FOLDER = Path(headrace.api.jobs.__file__).with_name("openapi")
PAGE = Path(__file__).resolve().parents[3] / "docs" / "reference" / "jobs.md"


def _plain(path: str) -> str:
    """Return a path with all of its places alike."""
    return re.sub(r"\{[^}]*\}", "{}", path)


def served() -> set[tuple[str, str]]:
    """Return method and path of every route that is published."""
    return {
        (method.lower(), _plain(prefix + route.path))
        for routers, prefix in ((OPEN, ""), (ROOT_ROUTERS, ""), (ROUTERS, API))
        for router in routers
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in route.methods or ()
    }


def test_every_route_is_documented_and_nothing_else() -> None:
    """A route without an operation, or an operation without a route, would make the document a lie."""
    written = {
        (method, _plain(path))
        for path, methods in document()["paths"].items()
        for method in methods
        if method in METHODS
    }
    assert served() - written == set(), "routes that are not documented"
    assert written - served() == set(), "operations that nobody answers"


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
    written = [
        (name, file.name)
        for file in FOLDER.glob("*.yaml")
        for name in re.findall(r"^  (/\S*|[A-Z]\w+):", file.read_text(encoding="utf-8"), re.MULTILINE)
    ]
    twice = {name: file for name, file in written if [known for known, _ in written].count(name) > 1}
    assert twice == {}


def test_the_page_lists_every_operation() -> None:
    """The page's table is made from the document."""
    assert paths_table() in PAGE.read_text(encoding="utf-8")


def test_the_document_is_served(sqlite_client: Client) -> None:
    """For those who may ask at all."""
    assert sqlite_client.done("GET", "/openapi.json")["openapi"] == "3.1.0"
