"""No 5xx for a client's mistake, whatever it sends."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.flowservice.conftest import FS, HEADERS, HTTP, Client, flow_body, make_ends, run_body
from headrace.api.flowservice.app import ROUTERS

LEAVES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(min_value=-(10**30), max_value=10**30),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=20),
    st.sampled_from(["\u0000", "..", "*", "9" * 30, "-1", "true", "/etc/passwd", "ATTRIBUTE", "[", "${", "1e999"]),
)
ANYTHING = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
PATIENT = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
PATCHED = ["/name", "/options", "/options/partialIngestionPercent", "/transformations/0", "/state", "/id", "x"]
PATCHED += ["/transformations/0/params/mappingId", "/scheduleParams/startTime", "/transformations/-"]
PATHS = sorted({route.path for router in ROUTERS for route in router.routes})  # type: ignore[attr-defined]  # they are all APIRoutes


def _mutated(draw: st.DrawFn, body: Any) -> Any:
    """Return ``body`` with one place of it replaced, removed or filled with anything."""
    if isinstance(body, dict) and body and draw(st.integers(0, 4)):
        key = draw(st.sampled_from(sorted(body)))
        if not draw(st.integers(0, 6)):
            return {name: value for name, value in body.items() if name != key}
        return {**body, key: _mutated(draw, body[key])}
    if isinstance(body, list) and body and draw(st.integers(0, 4)):
        return [_mutated(draw, body[0]), *body[1:]]
    return draw(ANYTHING)


def _bodies(client: Client) -> dict[str, Any]:
    ends = make_ends(client)
    flow = client.make("/flows", flow_body(ends))
    spec = client.one(f"/sourceConnections/{ends['source']}")
    target = client.one(f"/targetConnections/{ends['target']}")
    base = {"name": "f", "auth": {"specName": "Directory", "params": {"rootPath": str(client.files)}}}
    ref = {"id": ends["schema"], "contentType": "x"}
    mapping = {"sourceType": "ATTRIBUTE", "source": "Id", "destination": "_id"}
    schema = {
        "type": "object",
        "title": "t",
        "allOf": [{"$ref": "https://ns.adobe.com/xdm/context/profile"}],
        "required": ["a"],
        "properties": {
            "a": {"type": "string", "pattern": "^x", "enum": ["x"], "minLength": 1},
            "b": {"type": "object", "properties": {"c": {"type": "array", "items": {"type": "integer"}}}},
        },
    }
    return {
        f"{FS}/flows": flow_body(ends, options={"partialIngestionPercent": 5}),
        f"{FS}/runs": run_body(flow, deltaColumn={"name": "a"}),
        f"{FS}/connections": {**base, "connectionSpec": spec["connectionSpec"]},
        f"{FS}/sourceConnections": {
            k: spec[k] for k in ("name", "baseConnectionId", "connectionSpec", "data", "params")
        },
        f"{FS}/targetConnections": {k: target[k] for k in ("name", "connectionSpec", "data", "params")},
        "/data/foundation/catalog/dataSets": {"name": "d", "schemaRef": ref, "tags": {"a": ["b"]}},
        "/data/foundation/conversion/mappingSets": {"outputSchema": {"schemaRef": ref}, "mappings": [mapping]},
        "/data/foundation/conversion/mappingSets/validate": {"xdmSchema": ends["schema"], "mappings": [mapping]},
        "/data/foundation/schemaregistry/tenant/schemas": schema,
    }


@pytest.fixture
def bodies(client: Client) -> dict[str, Any]:
    """Return a good body for every route that makes something."""
    return _bodies(client)


@given(data=st.data())
@PATIENT
def test_no_body_breaks_the_door(client: Client, bodies: dict[str, Any], data: st.DataObject) -> None:
    """A body that is almost right, or anything else, gets an answer of the dialect below 500."""
    path = data.draw(st.sampled_from(sorted(bodies)))
    body = data.draw(st.composite(lambda draw: _mutated(draw, bodies[path]))())
    answer = client("POST", path, body)
    assert answer.status_code < 500, answer.text


@given(data=st.data())
@PATIENT
def test_no_patch_breaks_a_flow(client: Client, bodies: dict[str, Any], data: st.DataObject) -> None:
    """Patches of all kinds are applied whole or refused."""
    subject = bodies[f"{FS}/runs"]["flowId"]
    patch = data.draw(
        st.lists(
            st.fixed_dictionaries(
                {
                    "op": st.sampled_from(["add", "REPLACE", "remove", "move"]),
                    "path": st.sampled_from(PATCHED),
                    "value": ANYTHING,
                }
            ),
            max_size=3,
        )
    )
    answer = client("PATCH", f"/flows/{subject}", patch, if_match="*")
    assert answer.status_code < 500, answer.text
    assert client("GET", f"/flows/{subject}").status_code == 200


@given(
    method=st.sampled_from(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]),
    path=st.sampled_from(PATHS),
    name=st.text(max_size=12),
    query=st.text(max_size=20),
)
@PATIENT
def test_no_path_breaks_the_door(client: Client, method: str, path: str, name: str, query: str) -> None:
    """Odd ids and odd queries are not found or refused."""
    start, brace, rest = path.partition("{")
    url = start + (quote(name.encode("utf-8", "replace"), safe="") + rest.partition("}")[2] if brace else "")
    url += (
        "?property="
        + quote(query.encode("utf-8", "replace"), safe="=<>!,&")
        + "&op="
        + quote(name.encode("utf-8", "replace"), safe="")
    )
    answer = HTTP.request(method, client.base + url, headers=HEADERS)
    assert answer.status_code < 500, answer.text


@pytest.mark.parametrize(
    "raw",
    [
        b"{", b"", b"\xff", b"null", b"[]", b'"x"', b'{"a": NaN}', b'{"a": "\\u0000"}', b'{"a": "\\ud800"}', b'{"a": 1e999}',
        b"[" * 100_000, b'{"a":' * 500 + b"1" + b"}" * 500, b"1" * 5000, b"\xef\xbb\xbf{}",
    ],
    ids=range(14),
)  # fmt: skip
def test_what_is_no_json_object_is_refused(client: Client, raw: bytes) -> None:
    """Broken, deep, half and hostile JSON are the client's mistake."""
    headers = {**HEADERS, "content-type": "application/json"}
    answer = HTTP.post(client.base + FS + "/runs", headers=headers, content=raw)
    assert answer.status_code == 400, answer.text
    assert json.loads(answer.text)["type"].startswith("https://ns.adobe.com/aep/errors/FLOW-")
