"""Calls of endpoints: requests made of properties, sent through the guard, and answers made outputs (contract 8.2, WebActivity)."""

import base64
import binascii
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from headrace.activities.datafactory.attempt import (
    MAX_PAYLOAD,
    Attempt,
    Object,
    flag,
    refused,
    text_property,
    too_long,
    wrong_type,
)
from headrace.activities.datafactory.secret_source import SecretSource, TokenSource, resolve_secret
from headrace.activities.datafactory.words import BAD_REQUEST
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.ids import derived_uuid
from headrace.core.timespan import parse_timespan
from headrace.dataplane.connectors.certificates import tls_context
from headrace.dataplane.connectors.egress import Egress
from headrace.dataplane.connectors.web import WebAnswer, WebClient, WebRequest
from headrace.language.datafactory.jsontext import read_json
from headrace.language.datafactory.values import text_of

REFUSED_CALL = "2108"
"""The endpoint answered with a status that is no success."""
NO_ANSWER = "2128"
"""The endpoint did not answer."""
DEFAULT_TIMEOUT = 60.0
"""Seconds that a call has when nothing is said."""
MAX_TIMEOUT = 600.0
"""Seconds that a call has at most."""
WITH_BODY = frozenset({"POST", "PUT"})
"""Methods that need a body."""

_WITHOUT_BODY = frozenset({"GET", "HEAD"})
_REDIRECTS = 10
_OURS = frozenset({"content-length", "transfer-encoding", "connection", "host"})
_UNREACHED = frozenset({Code.SOURCE_UNAVAILABLE, Code.SOURCE_TIMEOUT, Code.SOURCE_DENIED, Code.INVALID})
_NO_ANSWER_TEXT = "No response from the endpoint. Possible causes: network connectivity, DNS failure, server certificate validation or timeout."
_SHOWN_BODY = 16 << 10
_CHARSET = re.compile(
    r"us-ascii|ascii|utf-?(?:7|16|32)(?:-?[lb]e)?|iso-8859-(?:[1-9]|1[013-6])|latin-?1|windows-125[0-8]|cp125[0-8]|koi8-[ru]"
    r"|shift_jis|euc-(?:jp|kr)|iso-2022-(?:jp|kr)|big5|gb2312|gbk|gb18030"
)
"""What an answer may name as its charset; all else is read as UTF-8. Python knows more, some of which take hours for what is sent in a second."""
_IDENTITIES = frozenset({"msi", "managedserviceidentity", "userassignedmanagedidentity", "serviceprincipal"})


@dataclass(frozen=True, slots=True)
class Calling:
    """What calls need of the installation: the guard, and where secrets and tokens come from."""

    egress: Egress
    secrets: SecretSource = field(default_factory=SecretSource)
    tokens: TokenSource = field(default_factory=TokenSource)


@dataclass(frozen=True, slots=True)
class Call:
    """A request that is ready, and how it is sent. ``tls`` None: as this machine trusts."""

    request: WebRequest
    timeout: float = DEFAULT_TIMEOUT
    tls: ssl.SSLContext | None = None


def make_call(attempt: Attempt, calling: Calling, given: Object, method: str, body: Json = None) -> Call:
    """Return the call that evaluated properties describe: ``url``, ``headers``, ``authentication`` and how to look at certificates.

    Raises:
        Refused: a property makes no sense, or a secret or token cannot be had.
    """
    headers = _headers(attempt, calling, given.get("headers"))
    pfx, password = _authenticate(attempt, calling, given.get("authentication"), headers)
    content = b"" if method in _WITHOUT_BODY or body is None else body_bytes(body)
    if content:
        headers.setdefault("content-type", "application/json")
    if method not in _WITHOUT_BODY:
        # A call that a crash kept from being written down is made again: whoever is called can tell.
        task = attempt.task
        headers.setdefault("idempotency-key", derived_uuid(task.run_id, task.path, str(task.attempt)))
    verify = not flag(given.get("disableCertValidation"), "disableCertValidation")
    try:
        tls = None if verify and not pfx else tls_context(verify=verify, pfx=pfx, password=password)
    except Problem as problem:
        raise refused(BAD_REQUEST, problem.message) from problem
    url = quote(text_property(given.get("url"), "url").strip(), safe="!#$%&'()*+,/:;=?@[]~")
    return Call(WebRequest(method, url, headers, content), request_timeout(given.get("httpRequestTimeout")), tls)


def send(attempt: Attempt, calling: Calling, call: Call) -> WebAnswer:
    """Return the answer to a call.

    Raises:
        Refused: 2128: there is none. Problem: the attempt is to stop.
    """
    client = WebClient(calling.egress, call.timeout, MAX_PAYLOAD + 1, _REDIRECTS, call.tls)
    try:
        return client.send(call.request, attempt.context.cancellation)
    except Problem as problem:
        if problem.code not in _UNREACHED:
            raise
        # Who may not be called, and what is no URL, nobody would find out from the service's text alone.
        why = f" {problem.message}" if problem.code in {Code.SOURCE_DENIED, Code.INVALID} else ""
        raise refused(NO_ANSWER, _NO_ANSWER_TEXT + why, Code.SOURCE_UNAVAILABLE) from problem


def check_success(answer: WebAnswer, url: str) -> None:
    """Check that an answer's status is a success.

    Raises:
        Refused: 2108, with the beginning of the body.
    """
    if not 200 <= answer.status < 300:
        text = text_of_answer(answer)[:_SHOWN_BODY]
        message = f"Error calling the endpoint '{url}'. Response status code: '{answer.status}'. More details:{text}"
        raise refused(REFUSED_CALL, message, Code.EXTERNAL_FAILED)


def response_object(text: str) -> dict[str, Json]:
    """Return a response that is a JSON object as it is, and any other as ``{"Response": <array or text>}``."""
    found = read_container(text)
    if isinstance(found, dict):
        return found
    return {"Response": text if found is None else found}


def read_container(text: str) -> dict[str, Json] | list[Json] | None:
    """Return the object or array that ``text`` is, read as the service reads JSON; None: it is something else."""
    if text.lstrip()[:1] not in {"{", "["}:
        return None
    try:
        found = read_json(text)
    except ValueError:
        return None
    return found if isinstance(found, dict | list) else None


def text_of_answer(answer: WebAnswer) -> str:
    """Return an answer's body as text.

    Raises:
        Refused: it is too long.
    """
    if len(answer.body) > MAX_PAYLOAD:
        raise too_long()
    kind = answer.headers.get("content-type", "")
    charset = kind.lower().partition("charset=")[2].split(";")[0].strip().strip('"')
    return answer.body.decode(charset if _CHARSET.fullmatch(charset) else "utf-8-sig", "replace")


def headers_of_answer(answer: WebAnswer) -> dict[str, Json]:
    """Return the headers of an answer; those that came several times are joined."""
    found: dict[str, str] = {}
    for name, value in answer.fields:
        found[name] = f"{found[name]}, {value}" if name in found else value
    return dict(found)


def common_fields(attempt: Attempt) -> dict[str, Json]:
    """Return what the output of an activity that calls somebody has besides the answer."""
    return {"executionDuration": execution_seconds(attempt), **execution_fields("ExternalActivity")}


def execution_fields(billed_as: str) -> dict[str, Json]:
    """Return what the output of every execution activity has; ``billed_as`` is what the service counts it as."""
    return {
        "effectiveIntegrationRuntime": "DefaultIntegrationRuntime (Local)",
        "durationInQueue": {"integrationRuntimeQueue": 0},
        "billingReference": {
            "activityType": billed_as,
            "billableDuration": [{"meterType": "AzureIR", "duration": 0.0, "unit": "Hours"}],
        },
    }


def execution_seconds(attempt: Attempt) -> int:
    """Return how many whole seconds ago the attempt began."""
    started = attempt.task.started_at
    return 0 if started is None else max(0, attempt.installation.clock.now() - started) // 1_000_000


def body_bytes(body: Json) -> bytes:
    """Return a body as it is sent: texts as they are, everything else as JSON."""
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
    return text.encode("utf-8", "replace")


def request_timeout(value: Json) -> float:
    """Return the seconds that ``httpRequestTimeout`` says.

    Raises:
        Refused: it is no span of time, or longer than ten minutes.
    """
    if value is None:
        return DEFAULT_TIMEOUT
    seconds = parse_timespan(value) if isinstance(value, str) else None
    if seconds is None or not 0 < seconds <= MAX_TIMEOUT:
        message = f"The property 'httpRequestTimeout' is '{str(value)[:100]}'; a span of time hh:mm:ss of at most ten minutes is expected."
        raise refused(BAD_REQUEST, message)
    return seconds


def _headers(attempt: Attempt, calling: Calling, given: Json) -> dict[str, str]:
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise wrong_type("headers", "an object", given)
    headers = {}
    for name, value in given.items():
        secret = isinstance(value, Mapping)
        text = resolve_secret(attempt, value, calling.secrets, f"headers.{name}") if secret else text_of(value)
        if not name.isascii() or not text.isascii() or not (name + text).isprintable() or not name.strip():
            raise refused(BAD_REQUEST, f"The header '{name[:100]}' has a character that no header can have.")
        headers[name.strip().lower()] = text.strip()
    return {name: value for name, value in headers.items() if name not in _OURS}


def _authenticate(attempt: Attempt, calling: Calling, given: Json, headers: dict[str, str]) -> tuple[bytes, str]:
    """Add to ``headers`` what an authentication needs; return a client certificate and its password (else empty)."""
    if given is None:
        return b"", ""
    if not isinstance(given, Mapping):
        raise wrong_type("authentication", "an object", given)
    kind = str(given.get("type", "")).lower()
    if kind == "basic":
        headers["authorization"] = f"Basic {_basic(attempt, calling, given)}"
    elif kind == "clientcertificate":
        return _certificate(attempt, calling, given)
    elif kind in _IDENTITIES:
        headers["authorization"] = f"Bearer {_token(attempt, calling, given)}"
    elif kind not in {"", "anonymous", "none"}:
        message = (
            f"The authentication type '{given.get('type')}' is none of Basic, ClientCertificate, MSI, ServicePrincipal."
        )
        raise refused(BAD_REQUEST, message)
    return b"", ""


def _basic(attempt: Attempt, calling: Calling, given: Object) -> str:
    user = text_property(given.get("username"), "authentication.username")
    password = resolve_secret(attempt, given.get("password"), calling.secrets, "authentication.password")
    encoded = base64.b64encode(f"{user}:{password}".encode()).decode()
    attempt.hide(encoded)
    return encoded


def _certificate(attempt: Attempt, calling: Calling, given: Object) -> tuple[bytes, str]:
    encoded = resolve_secret(attempt, given.get("pfx"), calling.secrets, "authentication.pfx")
    password = given.get("password")
    opened = "" if password is None else resolve_secret(attempt, password, calling.secrets, "authentication.password")
    try:
        return base64.b64decode(encoded, validate=True), opened
    except binascii.Error:
        raise refused(BAD_REQUEST, "The property 'authentication.pfx' is no base64.") from None


def _token(attempt: Attempt, calling: Calling, given: Object) -> str:
    resource = text_property(given.get("resource"), "authentication.resource")
    client = given.get("username")
    try:
        token = calling.tokens.token(resource, client if isinstance(client, str) else "", attempt.context.cancellation)
    except Problem as problem:
        if attempt.context.cancellation.problem is not None:
            raise
        raise refused(BAD_REQUEST, f"The property 'authentication': {problem.message}.", problem.code) from problem
    attempt.hide(token)
    return token
