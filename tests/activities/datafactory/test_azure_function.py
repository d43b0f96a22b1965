"""AzureFunctionActivity: the function of an app, which is any HTTP server."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from headrace.activities.datafactory.attempt import Attempt, Result
from headrace.activities.datafactory.azure_function import azure_function
from headrace.activities.datafactory.calls import Calling
from headrace.core.codec import Json
from headrace.dataplane.connectors.egress import Egress
from listeners import Listener, listening
from pipeline_desk import Desk, Shelf, failure_of

SETTINGS: Mapping[str, Json] = {"linkedServiceName": {"referenceName": "Fn", "type": "LinkedServiceReference"}}


@pytest.fixture
def listener() -> Iterator[Listener]:
    """Stand on loopback."""
    with listening() as listener:
        yield listener


def _call(listener: Listener, properties: Mapping[str, Json], kind: str = "AzureFunction") -> Any:
    url = listener.url.removesuffix("/hook") + "/"
    key: Json = {"type": "SecureString", "value": "the-key-of-it"}
    service: Mapping[str, Json] = {"type": kind, "typeProperties": {"functionAppUrl": url, "functionKey": key}}
    shelf = Shelf({("linked_service", "Fn"): service})

    def act(attempt: Attempt) -> Result:
        return azure_function(attempt, Calling(Egress(("127.0.0.1",))), shelf)

    return Desk().act(act, properties, settings=SETTINGS)


def test_a_function_is_called_with_its_key_and_answers_with_an_object(listener: Listener) -> None:
    """The name may have a route; the output is the answer, with the common fields."""
    listener.answer = lambda _heard: (200, {}, b'{"a": 1}')
    outcome = _call(listener, {"functionName": "do/@{add(1,1)}?x=y", "method": "POST", "body": {"k": 1}})
    assert outcome.output["a"] == 1
    assert outcome.output["durationInQueue"] == {"integrationRuntimeQueue": 0}
    heard = listener.heard[0]
    assert (heard.method, heard.path, heard.body) == ("POST", "/api/do/2?x=y", b'{"k": 1}')
    assert heard.headers["x-functions-key"] == "the-key-of-it"


@pytest.mark.parametrize("body", [b"[1]", b"text", b""])
def test_an_answer_that_is_no_object_is_3603(listener: Listener, body: bytes) -> None:
    """The text is the service's."""
    listener.answer = lambda _heard: (200, {}, body)
    outcome = _call(listener, {"functionName": "f", "method": "GET"})
    assert failure_of(outcome) == ("3603", "Response Content is not a valid JObject.")


def test_a_failing_status_is_3608_without_the_key(listener: Listener) -> None:
    """Whatever the function repeats, its key is masked."""
    listener.answer = lambda heard: (500, {}, heard.headers["x-functions-key"].encode())
    outcome = _call(listener, {"functionName": "f", "method": "GET"})
    message = "Call to provided Azure function 'f' failed with status-'500' and message - '**********'."
    assert failure_of(outcome) == ("3608", message)


def test_another_linked_service_is_no_function_app(listener: Listener) -> None:
    """The message names both types."""
    outcome = _call(listener, {"functionName": "f", "method": "GET"}, "HttpServer")
    message = "The linked service 'Fn' is of type 'HttpServer'; AzureFunction is expected."
    assert failure_of(outcome) == ("UnsupportedType", message)
