"""No call of one organisation or sandbox sees, counts, changes or infers a thing of another: every documented operation is walked.

A stranger asks each operation twice: with the owner's ids, and with ids that nobody has. Both answers must be the same but for the ids, or the
stranger would learn what exists elsewhere. Then the owner looks: everything is as it was.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from clients.served import ORG, Served
from headrace.api.flowservice.document import METHODS, document

FLOW = "/data/foundation/flowservice"
NOBODY = {
    **dict.fromkeys(("files", "source", "target", "flow", "run"), "00000000-0000-4000-8000-00000000dead"),
    **dict.fromkeys(("mapping", "mapping_first"), "deaddeaddeaddeaddeaddeaddeaddead"),
    **dict.fromkeys(("batch", "upload"), "00000000000000000000000DED"),
    "dataset": "deaddeaddeaddeaddeaddead",
    "file": "00000000000000000000000DED-1",
    "schema": "https://ns.adobe.com/nobody/schemas/dead",
    "group": "https://ns.adobe.com/nobody/mixins/dead",
}
OWNED = {
    "connections": "files",
    "sourceConnections": "source",
    "targetConnections": "target",
    "flows": "flow",
    "runs": "run",
    "mappingSets": "mapping",
    "mappings": "mapping_first",
    "dataSets": "dataset",
    "datasets": "dataset",
    "batches": "batch",
    "schemas": "schema",
    "fieldgroups": "group",
}
"""What stands before an id in a path, and whose id it is."""
REMOVED = frozenset({"/ims", "/data/foundation/sandbox-management"})
"""Services whose answers are the same for everybody, or that have nobody's things."""


@dataclass(frozen=True)
class Tenant:
    """Somebody in a sandbox of an organisation."""

    server: Served
    token: str
    org: str
    sandbox: str
    http: httpx.Client

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """Return the answer."""
        given = {
            "authorization": f"Bearer {self.token}",
            "x-api-key": self.server.admin.id,
            "x-gw-ims-org-id": self.org,
            "x-sandbox-name": self.sandbox,
            "if-match": "*",
            "accept": "application/json",
            **headers,
        }
        return self.http.request(method, self.server.base + path, json=body, headers=given)


def check_strangers(server: Served, values: Mapping[str, str]) -> None:
    """Walk as another sandbox of the same organisation, and as the same sandbox of another; ``values`` are the variables of the collection."""
    ids = {name: values[name] for name in NOBODY}
    with httpx.Client(trust_env=False, timeout=60) as http:
        owner = Tenant(server, values["token"], ORG, "prod", http)
        before = _seen(owner, ids)
        for org, sandbox in ((ORG, "dev"), ("other@AdobeOrg", "prod")):
            _walk(Tenant(server, values["token"], org, sandbox, http), ids)
        assert _seen(owner, ids) == before


def _walk(stranger: Tenant, ids: Mapping[str, str]) -> None:
    # First of all the lists: later, the stranger has things that name the owner's ids, as the stranger wrote them.
    for listed in _lists():
        text = stranger.ask("GET", listed).text
        assert not [known for known in ids.values() if known in text], f"GET {listed} shows what another tenant has"
    walked = 0
    for path, methods in document()["paths"].items():
        if any(path.startswith(place) for place in REMOVED):
            continue
        for method in sorted(METHODS & set(methods)):
            theirs, none = (_answer(stranger, method, path, known) for known in (ids, NOBODY))
            assert theirs == none, f"{method} {path} tells what another tenant has"
            walked += 1
    assert walked > 90


def _answer(stranger: Tenant, method: str, path: str, ids: Mapping[str, str]) -> tuple[int, str]:
    """Return status and text of an answer, without what differs from call to call."""
    answer = stranger.ask(method.upper(), _filled(path, ids), _body(method, path, ids))
    text = answer.text
    for name in sorted(ids.values(), key=len, reverse=True):
        text = text.replace(name, "<id>").replace(quote(name, safe=""), "<id>")
    text = re.sub(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", "<uuid>", text)
    text = re.sub(r"[0-9A-HJKMNP-TV-Z]{26}|[0-9a-f]{48}|[0-9a-f]{32}|[0-9a-f]{24}", "<made>", text)
    text = re.sub(r"[0-9a-f]{8}-0000-0200-0000-[0-9a-f]{12}", "<etag>", text)
    return answer.status_code, re.sub(r"\d{13}|\d{4}-\d\d-\d\dT[\d:.]+Z?", "<time>", text)


def _filled(path: str, ids: Mapping[str, str]) -> str:
    parts = path.split("/")
    for at, part in enumerate(parts):
        if part.startswith("{"):
            owner = "file" if parts[at - 1] == "files" and "export" in parts else OWNED.get(parts[at - 1])
            parts[at] = quote(ids[owner], safe="") if owner else "customers.csv"
    filled = "/".join(parts)
    if path.endswith("/action"):
        return filled + ("?op=cancel" if "/runs/" in path else "?op=disable")
    if path.endswith("/explore"):
        return filled + "?objectType=root"
    if path.endswith("/batches/{id}") and "/import/" in path:
        return filled + "?action=ABORT"
    if path.endswith("/landingzone"):
        return filled + "?type=user_drop_zone"
    return filled


def _body(method: str, path: str, ids: Mapping[str, str]) -> Any:
    if method not in {"post", "put", "patch"}:
        return None
    if method == "patch" and path.startswith((FLOW, "/data/foundation/schemaregistry")):
        return [{"op": "add", "path": "/description", "value": "seen"}]
    search = {"queryString": f"id=={ids['flow']}", "count": True}
    return (
        search
        if path.endswith("/search")
        else _bodies(ids).get(f"{method} {path.rpartition('/')[2]}", {"name": "seen"})
    )


def _bodies(ids: Mapping[str, str]) -> dict[str, Any]:
    reference = {"id": ids["schema"], "contentType": "application/vnd.adobe.xed-full+json;version=1"}
    mapping = {"outputSchema": {"schemaRef": reference}, "mappings": [{"source": "id", "destination": "_id"}]}
    files = {"id": "6f0b0c1e-2f5c-4b7e-9d55-0a1a5f3c7e01"}
    lake = {"id": "c604ff05-7f1a-43c0-8e18-33bf874cb11c"}
    return {
        "post runs": {"flowId": ids["flow"], "params": {"startTime": 1, "windowStartTime": 0, "windowEndTime": 1}},
        "post flows": {
            "name": "seen",
            "flowSpec": {"id": "9753525b-82c7-4dce-8a9b-5ccfce2b9876"},
            "sourceConnectionIds": [ids["source"]],
            "targetConnectionIds": [ids["target"]],
            "transformations": [{"name": "Mapping", "params": {"mappingId": ids["mapping"]}}],
            "scheduleParams": {"startTime": "4102444800", "frequency": "once"},
        },
        "post sourceConnections": {
            "name": "seen",
            "baseConnectionId": ids["files"],
            "connectionSpec": files,
            "data": {"format": "json"},
            "params": {"path": "customers.csv"},
        },
        "post targetConnections": {
            "name": "seen",
            "connectionSpec": lake,
            "data": {"schema": {"id": ids["schema"]}},
            "params": {"dataSetId": ids["dataset"]},
        },
        "post dataSets": {"name": "seen", "schemaRef": reference},
        "put {id}": mapping,
        "post mappingSets": mapping,
        "post validate": mapping,
        "post preview": {"data": {"id": "1"}, "mappingSet": mapping},
        "post schemas": {"type": "object", "title": "seen", "allOf": [{"$ref": ids["group"]}]},
        "post batches": {"datasetId": ids["dataset"], "inputFormat": {"format": "json"}},
    }


def _lists() -> Iterator[str]:
    for path, methods in document()["paths"].items():
        if "get" in methods and "{" not in path and path.startswith("/data"):
            yield path
            if path.startswith(FLOW):
                yield path + "?count=true"


def _seen(owner: Tenant, ids: Mapping[str, str]) -> dict[str, Any]:
    """Return all that the owner sees of their things."""
    seen: dict[str, Any] = {}
    for path, methods in document()["paths"].items():
        if (
            "get" in methods
            and any(f"/{place}/{{" in path for place in OWNED)
            and not path.endswith(("explore", "errors"))
        ):
            answer = owner.ask("GET", _filled(path, ids))
            # A refusal bears the number of its request, and says nothing of what there is.
            seen[path] = answer.text if answer.status_code == 200 else answer.status_code
    assert len([one for one in seen.values() if isinstance(one, str)]) > 15
    return seen
