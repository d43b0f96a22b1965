"""AzureFunctionActivity (contract 8.2): call a function of a function app."""

from urllib.parse import quote

from headrace.activities.datafactory.attempt import Attempt, Refused, Result, refused, text_property
from headrace.activities.datafactory.calls import (
    Call,
    Calling,
    common_fields,
    make_call,
    read_container,
    send,
    text_of_answer,
)
from headrace.activities.datafactory.linked import Documents, linked_service
from headrace.activities.datafactory.secret_source import resolve_secret
from headrace.activities.datafactory.web import METHODS
from headrace.activities.datafactory.words import BAD_REQUEST, UNSUPPORTED_TYPE
from headrace.core.errors import Code
from headrace.core.outcome import Outcome
from headrace.dataplane.connectors.web import WebAnswer

NO_OBJECT = "3603"
"""The function answered with something else than a JSON object."""
FAILED = "3608"
"""The function answered with a status that is no success, or not at all."""
TIMEOUT = 230.0
"""Seconds that a function has."""
_SHOWN = 16 << 10


def azure_function(attempt: Attempt, calling: Calling, documents: Documents) -> Result:
    """Call ``{functionAppUrl}/api/{functionName}`` with the app's key; the answer, a JSON object, is the output."""
    given = attempt.given()
    method = text_property(given.get("method"), "method").upper()
    if method not in METHODS:
        raise refused(BAD_REQUEST, f"The method '{method[:100]}' is none of {', '.join(sorted(METHODS))}.")
    reference = attempt.evaluate(attempt.task.settings.get("linkedServiceName"))
    service = linked_service(attempt, documents, reference, "linkedServiceName")
    if service.type.lower() != "azurefunction":
        message = f"The linked service '{service.name}' is of type '{service.type}'; AzureFunction is expected."
        raise refused(UNSUPPORTED_TYPE, message, Code.UNSUPPORTED)
    app = text_property(service.type_properties.get("functionAppUrl"), "functionAppUrl").rstrip("/")
    name = text_property(given.get("functionName"), "functionName")
    url = f"{app}/api/{quote(name.lstrip('/'), safe='/?=&%:@+,;~-._')}"
    made = make_call(attempt, calling, {"url": url, "headers": given.get("headers")}, method, given.get("body"))
    key = service.type_properties.get("functionKey")
    headers = dict(made.request.headers)
    if key is not None:
        headers["x-functions-key"] = resolve_secret(attempt, key, calling.secrets, "functionKey")
    call = Call(type(made.request)(method, made.request.url, headers, made.request.body), TIMEOUT, made.tls)
    answer = _answer(attempt, calling, call, name)
    text = text_of_answer(answer)
    if not 200 <= answer.status < 300:
        raise _failed(name, str(answer.status), text[:_SHOWN])
    found = read_container(text)
    if not isinstance(found, dict):
        raise refused(NO_OBJECT, "Response Content is not a valid JObject.", Code.EXTERNAL_FAILED)
    return Outcome({**found, **common_fields(attempt)})


def _answer(attempt: Attempt, calling: Calling, call: Call, name: str) -> WebAnswer:
    try:
        return send(attempt, calling, call)
    except Refused as refusal:
        raise _failed(name, "NoResponse", refusal.failure.message) from refusal


def _failed(name: str, status: str, text: str) -> Refused:
    message = f"Call to provided Azure function '{name}' failed with status-'{status}' and message - '{text}'."
    return refused(FAILED, message, Code.EXTERNAL_FAILED)
