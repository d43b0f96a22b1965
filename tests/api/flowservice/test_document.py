"""The OpenAPI document and the routes say the same."""

import re
from pathlib import Path

from fastapi.routing import APIRoute
from jsonschema import Draft202012Validator

import headrace.api.flowservice
from headrace.api.flowservice.app import ROUTERS
from headrace.api.flowservice.document import METHODS, document

FOLDER = Path(headrace.api.flowservice.__file__).with_name("openapi")


def _plain(path: str) -> str:
    """Return a path with all of its places alike: their names are nobody's business."""
    return re.sub(r"\{[^}]*\}", "{}", path).rstrip("/")


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
        for router in ROUTERS
        for route in router.routes
        if isinstance(route, APIRoute) and route.include_in_schema
        for method in route.methods or ()
    }
    assert served - written == set(), "routes that are not documented"
    assert written - served == set(), "operations that nobody answers"


def test_every_reference_leads_to_a_shape() -> None:
    """Shapes are named in three files; a name that is misspelt would make a client generator fail."""
    text = str(document())
    named = set(re.findall(r"#/components/schemas/(\w+)", text))
    assert named <= set(document()["components"]["schemas"])


def test_shapes_are_json_schemas() -> None:
    """OpenAPI 3.1 takes JSON Schema as it is."""
    for shape in document()["components"]["schemas"].values():
        Draft202012Validator.check_schema(shape)


def test_operations_have_names_of_their_own() -> None:
    """Generators make a function of each."""
    names = [
        operation["operationId"]
        for methods in document()["paths"].values()
        for method, operation in methods.items()
        if method in METHODS
    ]
    assert len(names) == len(set(names))


def test_no_name_is_written_twice() -> None:
    """YAML lets the second of two shapes of one name win in silence."""
    for file in FOLDER.glob("*.yaml"):
        names = re.findall(r"^([\w'][^:]*):", file.read_text(encoding="utf-8"), re.MULTILINE)
        assert len(names) == len(set(names)), file.name
