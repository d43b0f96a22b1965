"""Postman collections (format 2.1) from ``calls/*.yaml``: what is sent, what must come back, and what later calls take from it.

Each call of a file has

    name
    send      method and path; a prefix such as ``flow:`` stands for a service's base path
    headers   besides the usual ones; null leaves a usual one out
    body      sent as JSON; a text is sent as it is
    answers   the status (default 200), or
    refused   NUMBER-STATUS of a Flow Service error: the whole envelope is checked then
    checks    expressions of JavaScript over ``body``, ``item`` (the first of its items), ``text`` and ``pm`` that must be true
    keeps     variable to expression, for later calls
    until     the call is repeated until this expression is true

A call with ``cases`` stands for several that are refused: each case is ``[refused, name, change]``, where ``change`` is a JSON merge patch of the
body (RFC 7386: null removes), or a text that is put behind the path.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

_FOUNDATION = "/data/foundation"
_PREFIXES = {
    "flow": _FOUNDATION + "/flowservice",
    "registry": _FOUNDATION + "/schemaregistry",
    "catalog": _FOUNDATION + "/catalog",
    "conversion": _FOUNDATION + "/conversion",
    "sandboxes": _FOUNDATION + "/sandbox-management",
    "export": _FOUNDATION + "/export",
    "import": _FOUNDATION + "/import",
    "connectors": _FOUNDATION + "/connectors",
}
_SENT = {
    "Authorization": "Bearer {{token}}",
    "x-api-key": "{{CLIENT_ID}}",
    "x-gw-ims-org-id": "{{IMS_ORG}}",
    "x-sandbox-name": "{{SANDBOX_NAME}}",
}

# What every refusal of Flow Service looks like (2.5), whatever its code.
_REFUSED = """
pm.test("is refused as FLOW-%(code)s, in the envelope", () => {
  pm.expect(body.type, text).to.eql("https://ns.adobe.com/aep/errors/FLOW-%(code)s");
  pm.expect(body.status).to.eql(%(status)s);
  pm.expect(body.title).to.be.a("string").and.not.empty;
  pm.expect(body.errorMessage).to.be.a("string").and.not.empty;
  pm.expect(body.errorDetails).to.eql(body.errorMessage);
  pm.expect(body.report["detailed-message"]).to.eql(body.errorMessage);
  pm.expect(body.report["request-id"]).to.eql(pm.response.headers.get("x-request-id"));
});"""
# The same request is made again until its answer is what is waited for; newman waits for the timer before it goes on.
_UNTIL = """
const tries = Number(pm.environment.get("tries") || 0);
if (!(%(condition)s) && tries < 300) {
  pm.environment.set("tries", tries + 1);
  pm.execution.setNextRequest(pm.info.requestId);
  setTimeout(() => {}, 100);
  return;
}
pm.environment.set("tries", 0);"""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request and what must be true of its answer; the fields are those of the file."""

    name: str
    send: str
    headers: Mapping[str, str | None] = field(default_factory=dict)
    body: Any = None
    answers: int = 200
    refused: str = ""
    checks: tuple[str, ...] = ()
    keeps: Mapping[str, str] = field(default_factory=dict)
    until: str = ""

    @property
    def status(self) -> int:
        """Return the status that must be answered."""
        return int(self.refused.rpartition("-")[2]) if self.refused else self.answers

    def item(self) -> dict[str, Any]:
        """Return the request as a collection has it."""
        method, _, path = self.send.partition(" ")
        prefix, colon, rest = path.partition(":")
        headers = {**_SENT, **({} if self.body is None else {"Content-Type": "application/json"}), **self.headers}
        sent = self.body if isinstance(self.body, str) else json.dumps(self.body)
        return {
            "name": self.name,
            "event": [{"listen": "test", "script": {"type": "text/javascript", "exec": self.script().splitlines()}}],
            "request": {
                "method": method,
                "header": [{"key": key, "value": value} for key, value in headers.items() if value is not None],
                "url": "{{GW}}" + (_PREFIXES[prefix] + rest if colon and prefix in _PREFIXES else path),
                **({} if self.body is None else {"body": {"mode": "raw", "raw": sent}}),
            },
        }

    def script(self) -> str:
        """Return the checks as JavaScript."""
        lines = [
            "const text = pm.response.text();",
            "let body = {}; try { body = JSON.parse(text); } catch (error) { body = {}; }",
            "const item = (body.items || [])[0] || {};",
        ]
        if self.until:
            lines.append(_UNTIL % {"condition": self.until})
        lines.append(
            f'pm.test("answers {self.status}", () => pm.expect(pm.response.code, text).to.eql({self.status}));'
        )
        if self.refused:
            lines.append(_REFUSED % {"code": self.refused, "status": self.status})
        lines += [
            f"pm.test({json.dumps(check)}, () => pm.expect({check}, text.slice(0, 2000)).to.eql(true));"
            for check in self.checks
        ]
        lines += [f"pm.environment.set({json.dumps(name)}, {value});" for name, value in self.keeps.items()]
        return "\n".join(lines)


def read_collection(name: str, folder: Path) -> dict[str, Any]:
    """Return the calls of every file of ``folder``, in the files' order, ready for newman and for Postman's import."""
    folders = [part for file in sorted(folder.glob("*.yaml")) for part in yaml.safe_load(file.read_text())]
    return {
        "info": {"name": name, "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
        "item": [
            {"name": part["folder"], "item": [call.item() for item in part["calls"] for call in _calls(item)]}
            for part in folders
        ],
    }


def _calls(item: dict[str, Any]) -> Iterator[Call]:
    cases = item.pop("cases", None)
    if cases is None:
        yield Call(**{**item, "checks": tuple(item.get("checks", ())), "refused": str(item.get("refused", ""))})
        return
    for refused, name, change in cases:
        whole = {**item, "name": f"{item['name']}: {name}", "refused": refused}
        if isinstance(change, str):
            whole["send"] += change
        else:
            whole["body"] = merged(item["body"], change)
        yield Call(**whole)


def merged(body: Any, change: Any) -> Any:
    """Return ``body`` with a JSON merge patch applied (RFC 7386)."""
    if not isinstance(change, dict):
        return change
    found = dict(body) if isinstance(body, dict) else {}
    for name, value in change.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), value)
    return found
