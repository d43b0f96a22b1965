"""WebActivity: real calls of a real server on loopback, through the guard."""

import base64
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from headrace.activities.datafactory.attempt import Attempt, Result
from headrace.activities.datafactory.calls import Calling
from headrace.activities.datafactory.secret_source import SecretSource, TokenSource
from headrace.activities.datafactory.web import web
from headrace.core.clock import SECOND
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.outcome import Outcome, Pause
from headrace.dataplane.connectors.egress import Egress
from listeners import Heard, Listener, listening
from pipeline_desk import Desk, Shelf, failure_of

Answer = tuple[int, Mapping[str, str], bytes]
COMMON: Mapping[str, Json] = {
    "effectiveIntegrationRuntime": "DefaultIntegrationRuntime (Local)",
    "executionDuration": 0,
    "durationInQueue": {"integrationRuntimeQueue": 0},
    "billingReference": {
        "activityType": "ExternalActivity",
        "billableDuration": [{"meterType": "AzureIR", "duration": 0.0, "unit": "Hours"}],
    },
}


@dataclass
class Web:
    """A listener, and a desk that calls it."""

    listener: Listener
    desk: Desk = field(default_factory=Desk)
    calling: Calling = field(default_factory=lambda: Calling(Egress(("127.0.0.1",))))
    shelf: Shelf = field(default_factory=Shelf)

    def act(self, attempt: Attempt) -> Result:
        """Call an endpoint."""
        return web(attempt, self.calling, self.shelf)

    def get(self, **properties: Json) -> Outcome:
        """Return the outcome of a GET with more properties."""
        outcome = self.desk.act(self.act, {"url": self.listener.url, "method": "GET", **properties})
        assert isinstance(outcome, Outcome)
        return outcome


@pytest.fixture
def web_desk() -> Iterator[Web]:
    """Stand on loopback."""
    with listening() as listener:
        listener.answer = lambda _heard: (200, {"X-One": "1"}, b'{"a": [1.0, "\\u00e4"]}')
        yield Web(listener)


def _answers(listener: Listener, *answers: Answer) -> None:
    left = list(answers)
    listener.answer = lambda _heard: left.pop(0) if len(left) > 1 else left[0]


def test_an_object_is_the_output_with_headers_and_the_common_fields(web_desk: Web) -> None:
    """Names of headers keep their case, so that expressions find them as they are documented."""
    output = dict(web_desk.get().output)
    headers = output.pop("ADFWebActivityResponseHeaders")
    assert isinstance(headers, Mapping)
    assert headers["X-One"] == "1"
    assert output == {"a": [1.0, "ä"], **COMMON}


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"[1, 2]", [1, 2]),
        (b"plain", "plain"),
        (b"12", "12"),
        (b"", ""),
        (b'"t"', '"t"'),
        (b'{"a": NaN}', '{"a": NaN}'),
    ],
)
def test_any_other_answer_is_the_response(web_desk: Web, body: bytes, shown: Json) -> None:
    """Arrays are arrays, and all else is text."""
    web_desk.listener.answer = lambda _heard: (200, {}, body)
    assert web_desk.get().output["Response"] == shown


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_a_body_is_sent_as_json_with_the_headers_given(web_desk: Web, method: str) -> None:
    """Objects become JSON, whose type is said where nothing else is."""
    body: Json = {"k": "@add(1,1)", "t": "ä"}
    headers = {"x-a": "@{add(1,1)}", "Content-Length": "5"}
    properties = {"url": web_desk.listener.url + "?q=a b", "method": method, "headers": headers, "body": body}
    web_desk.desk.act(web_desk.act, properties)
    heard = web_desk.listener.heard[0]
    assert (heard.method, heard.path) == (method, "/hook?q=a%20b")
    assert json.loads(heard.body) == {"k": 2, "t": "ä"}
    assert (heard.headers["x-a"], heard.headers["content-type"]) == ("2", "application/json")


def test_a_text_is_sent_as_it_is(web_desk: Web) -> None:
    """Its type is the header's."""
    headers = {"Content-Type": "text/xml"}
    properties = {"url": web_desk.listener.url, "method": "POST", "headers": headers, "body": "<a/>"}
    web_desk.desk.act(web_desk.act, properties)
    heard = web_desk.listener.heard[0]
    assert (heard.body, heard.headers["content-type"]) == (b"<a/>", "text/xml")


def test_head_and_get_send_no_body(web_desk: Web) -> None:
    """HEAD answers with nothing, which is a success."""
    properties = {"url": web_desk.listener.url, "method": "HEAD", "body": "x"}
    outcome = web_desk.desk.act(web_desk.act, properties)
    assert outcome.output["Response"] == ""
    assert web_desk.listener.heard[0].body == b""


@pytest.mark.parametrize("status", [400, 404, 500])
def test_a_failing_status_is_2108_with_the_body(web_desk: Web, status: int) -> None:
    """The text is the service's."""
    web_desk.listener.answer = lambda _heard: (status, {}, b'{"why": "no"}')
    url = web_desk.listener.url
    message = f"Error calling the endpoint '{url}'. Response status code: '{status}'. More details:{{\"why\": \"no\"}}"
    assert failure_of(web_desk.get()) == ("2108", message)


NO_ANSWER = "No response from the endpoint. Possible causes: network connectivity, DNS failure, server certificate validation or timeout."


def test_no_answer_is_2128(web_desk: Web) -> None:
    """A closed port, and a server that takes longer than it may."""
    outcome = web_desk.get(url="http://127.0.0.1:9/x")
    assert failure_of(outcome) == ("2128", NO_ANSWER)
    web_desk.listener.answer = web_desk.listener.hang
    assert failure_of(web_desk.get(httpRequestTimeout="00:00:00.2")) == ("2128", NO_ANSWER)


def test_the_guard_stands_before_every_hop(web_desk: Web) -> None:
    """A private address is not called, nor one that a public endpoint sends us to."""
    web_desk.listener.answer = lambda _heard: (302, {"Location": "http://169.254.169.254/secret"}, b"")
    label, message = failure_of(web_desk.get())
    assert label == "2128"
    assert "169.254.169.254" in message
    web_desk.calling = Calling(Egress())
    assert failure_of(web_desk.get())[0] == "2128"
    assert len(web_desk.listener.heard) == 1


def test_an_answer_beyond_four_megabytes_fails(web_desk: Web) -> None:
    """Nothing is cut silently."""
    web_desk.listener.answer = lambda _heard: (200, {}, b"x" * ((4 << 20) + 1))
    expected = ("2001", "The length of execution output is over limit (around 4MB currently).")
    assert failure_of(web_desk.get()) == expected


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"method": "BREW"}, "The method 'BREW' is none of DELETE, GET, HEAD, PATCH, POST, PUT."),
        ({"method": "POST"}, "The property 'body' is required for the method POST."),
        ({"url": ""}, "The property 'url' must be a non-empty string; it is empty."),
        ({"headers": {"a": "x\ny"}}, "The header 'a' has a character that no header can have."),
        (
            {"httpRequestTimeout": "1.00:00:00"},
            "The property 'httpRequestTimeout' is '1.00:00:00'; a span of time hh:mm:ss of at most ten minutes is expected.",
        ),
        (
            {"authentication": {"type": "Kerberos"}},
            "The authentication type 'Kerberos' is none of Basic, ClientCertificate, MSI, ServicePrincipal.",
        ),
    ],
)
def test_a_property_that_makes_no_sense_is_told(web_desk: Web, properties: Mapping[str, Json], message: str) -> None:
    """Nothing is sent then."""
    assert failure_of(web_desk.get(**properties)) == ("BadRequest", message)
    assert web_desk.listener.heard == []


def test_an_accepted_job_is_looked_at_until_it_answers_otherwise(web_desk: Web) -> None:
    """Between the looks nothing waits but a row; the first call is not made again; duration counts from the beginning."""
    _answers(
        web_desk.listener,
        (202, {"Location": "/jobs/1", "Retry-After": "7"}, b""),
        (202, {"Location": "/jobs/2"}, b""),
        (202, {"Retry-After": "Sun, 06 Nov 1994 08:49:37 GMT"}, b""),
        (200, {}, b'{"done": true}'),
    )
    properties: Mapping[str, Json] = {
        "url": web_desk.listener.url,
        "method": "POST",
        "body": "b",
        "authentication": {"type": "Basic", "username": "u", "password": "p"},
    }
    base = web_desk.listener.url.removesuffix("/hook")
    pause = web_desk.desk.act(web_desk.act, properties)
    assert pause == Pause(seconds=7.0, state={"place": f"{base}/jobs/1"})
    pause = web_desk.desk.resume(web_desk.act, properties, pause.state)
    assert pause == Pause(seconds=10.0, state={"place": f"{base}/jobs/2"})
    pause = web_desk.desk.resume(web_desk.act, properties, pause.state)
    assert pause == Pause(seconds=1.0, state={"place": f"{base}/jobs/2"})
    started = web_desk.desk.clock.now()
    web_desk.desk.clock.advance(5 * SECOND)
    done = web_desk.desk.resume(web_desk.act, properties, pause.state, started_at=started)
    assert (done.output["done"], done.output["executionDuration"]) == (True, 5)
    assert [(h.method, h.path, h.body) for h in web_desk.listener.heard] == [
        ("POST", "/hook", b"b"),
        ("GET", "/jobs/1", b""),
        ("GET", "/jobs/2", b""),
        ("GET", "/jobs/2", b""),
    ]
    assert all("authorization" in heard.headers for heard in web_desk.listener.heard)


def test_a_look_that_is_not_answered_is_taken_again(web_desk: Web) -> None:
    """A break in the network does not start the job anew; after three in a row the activity fails."""
    nobody: Mapping[str, Json] = {"place": "http://127.0.0.1:9/job"}
    properties = {"url": web_desk.listener.url, "method": "POST", "body": "b"}
    pause = web_desk.desk.resume(web_desk.act, properties, nobody)
    assert pause == Pause(seconds=10.0, state={**nobody, "missed": 1})
    assert failure_of(web_desk.desk.resume(web_desk.act, properties, {**nobody, "missed": 3})) == ("2128", NO_ANSWER)
    assert web_desk.listener.heard == []


def test_who_turns_polling_off_gets_the_first_answer(web_desk: Web) -> None:
    """An accepted job is a success then, as it is without a place to look at."""
    _answers(web_desk.listener, (202, {"Location": "/jobs/1"}, b'{"id": 1}'))
    assert web_desk.get(turnOffAsync=True).output["id"] == 1
    _answers(web_desk.listener, (202, {}, b'{"id": 2}'))
    assert web_desk.get().output["id"] == 2


def test_a_password_is_sent_and_never_shown(web_desk: Web) -> None:
    """SecureStrings stand masked in the input, and in whatever an endpoint repeats."""
    encoded = base64.b64encode(b"u:pass-word").decode()
    web_desk.listener.answer = lambda heard: (200, {}, json.dumps({"you": heard.headers["authorization"]}).encode())
    secure = {"type": "SecureString", "value": "pass-word"}
    outcome = web_desk.get(authentication={"type": "Basic", "username": "u", "password": secure})
    assert web_desk.listener.heard[0].headers["authorization"] == f"Basic {encoded}"
    assert outcome.output["you"] == "Basic **********"
    noted = web_desk.desk.notes["input"]
    assert isinstance(noted, Mapping)
    assert noted["authentication"] == {"type": "Basic", "username": "u", "password": {**secure, "value": "**********"}}


def test_a_named_secret_comes_from_the_servers_source(web_desk: Web) -> None:
    """A secret that is not there fails the activity with its name."""
    web_desk.calling = Calling(Egress(("127.0.0.1",)), SecretSource("env:KV_", {"KV_MY_KEY": "from-the-vault"}))
    store = {"referenceName": "kv", "type": "LinkedServiceReference"}
    named: Mapping[str, Json] = {"type": "AzureKeyVaultSecret", "store": store, "secretName": "my-key"}
    web_desk.get(headers={"x-key": named})
    assert web_desk.listener.heard[0].headers["x-key"] == "from-the-vault"
    outcome = web_desk.get(headers={"x-key": {**named, "secretName": "other"}})
    message = "The property 'headers.x-key': the server's source of secrets has no 'other'."
    assert failure_of(outcome) == ("BadRequest", message)


def test_identities_get_tokens_from_the_configured_endpoint(web_desk: Web) -> None:
    """The endpoint is asked as Azure's metadata service is; without one, the activity says what is missing."""

    def answer(heard: Heard) -> Answer:
        return 200, {}, b'{"access_token": "tok-tok-tok"}' if "resource" in heard.path else b"{}"

    web_desk.listener.answer = answer
    identity: Mapping[str, Json] = {"type": "MSI", "resource": "https://vault.example"}
    label, message = failure_of(web_desk.get(authentication=identity))
    assert (label, "HEADRACE_DATAFACTORY_TOKEN_URL" in message) == ("BadRequest", True)
    web_desk.calling = Calling(Egress(("127.0.0.1",)), tokens=TokenSource(web_desk.listener.url))
    assert web_desk.get(authentication=identity).failure is None
    asked, called = web_desk.listener.heard
    assert asked.path == "/hook?api-version=2018-02-01&resource=https%3A%2F%2Fvault.example"
    assert called.headers["authorization"] == "Bearer tok-tok-tok"


def test_definitions_are_added_to_the_body(web_desk: Web) -> None:
    """Datasets and linked services are evaluated with the parameters of their references; secrets are sent, and shown nowhere."""
    secure = {"type": "SecureString", "value": "hush-hush"}
    web_desk.shelf.documents[("linked_service", "L")] = {
        "type": "Sftp",
        "parameters": {"user": {"type": "String", "defaultValue": "u"}},
        "typeProperties": {"userName": "@{linkedService().user}", "password": secure},
    }
    web_desk.shelf.documents[("dataset", "D")] = {
        "type": "Json",
        "linkedServiceName": {"referenceName": "L", "type": "LinkedServiceReference"},
        "parameters": {"File": {"type": "String"}},
        "typeProperties": {"location": {"fileName": "@dataset().file"}},
    }
    dataset: Json = {"referenceName": "D", "type": "DatasetReference", "parameters": {"file": "@concat('a','.json')"}}
    service: Json = {"referenceName": "L", "type": "LinkedServiceReference"}
    properties: Mapping[str, Json] = {
        "url": web_desk.listener.url,
        "method": "POST",
        "body": {"m": 1},
        "datasets": [dataset],
        "linkedServices": [service],
    }
    assert web_desk.desk.act(web_desk.act, properties).failure is None
    sent = json.loads(web_desk.listener.heard[0].body)
    assert sent["m"] == 1
    assert sent["datasets"][0]["name"] == "D"
    assert sent["datasets"][0]["properties"]["typeProperties"] == {"location": {"fileName": "a.json"}}
    assert sent["linkedServices"][0]["properties"]["typeProperties"] == {"userName": "u", "password": secure}
    assert "hush-hush" not in json.dumps(web_desk.desk.notes)
    outcome = web_desk.desk.act(web_desk.act, {**properties, "datasets": [{"referenceName": "X"}]})
    assert failure_of(outcome) == ("BadRequest", "The dataset 'X' does not exist.")


def test_a_call_is_broken_off_when_the_attempt_is_to_stop(web_desk: Web) -> None:
    """Whoever cancels a run does not wait for a slow endpoint."""

    def answer(heard: Heard) -> Answer:
        web_desk.desk.cancellation.stop(Code.CANCELLED, "stopped")
        return web_desk.listener.hang(heard)

    web_desk.listener.answer = answer
    with pytest.raises(Problem) as raised:
        web_desk.get()
    assert raised.value.code is Code.CANCELLED
