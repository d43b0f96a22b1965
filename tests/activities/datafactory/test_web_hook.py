"""WebHook: an endpoint is called, and calls back."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from headrace.activities.datafactory.attempt import Attempt, Result
from headrace.activities.datafactory.calls import Calling
from headrace.activities.datafactory.web_hook import web_hook
from headrace.core.codec import Json
from headrace.core.outcome import Outcome, Pause
from headrace.dataplane.connectors.egress import Egress
from listeners import Listener, listening
from pipeline_desk import RUN_ID, Desk, failure_of

ADDRESS = f"http://here/{RUN_ID}/A/1"


@dataclass
class Hooked:
    """A listener, and a desk that calls it."""

    listener: Listener
    desk: Desk = field(default_factory=Desk)

    def act(self, attempt: Attempt) -> Result:
        """Call the endpoint."""
        calling = Calling(Egress(("127.0.0.1",)))
        return web_hook(attempt, calling, lambda *parts: "http://here/" + "/".join(map(str, parts)))

    def properties(self, **more: Json) -> Mapping[str, Json]:
        """Return the activity's properties."""
        return {"url": self.listener.url, "method": "POST", **more}


@pytest.fixture
def hooked() -> Iterator[Hooked]:
    """Stand on loopback."""
    with listening() as listener:
        yield Hooked(listener)


@pytest.mark.parametrize(
    ("body", "sent"),
    [({"k": "@add(1,1)"}, {"k": 2}), ('{"k": 2}', {"k": 2}), (None, {}), ("", {}), ("{}", {})],
)
def test_the_endpoint_is_told_where_to_call_back(hooked: Hooked, body: Json, sent: Mapping[str, Json]) -> None:
    """Then the attempt waits for a signal, and holds no thread."""
    properties = hooked.properties(body=body, headers={"x-a": "b"}, timeout="00:05:00")
    assert hooked.desk.act(hooked.act, properties) == Pause(hears=True, state={"called": True})
    (heard,) = hooked.listener.posts
    assert json.loads(heard.body) == {**sent, "callBackUri": ADDRESS}
    assert heard.headers["x-a"] == "b"


def test_an_attempt_that_is_begun_again_gives_an_address_of_its_own(hooked: Hooked) -> None:
    """A worker that died before its pause was written calls twice; both calls lead to the one attempt, whose first answer counts."""
    for _ in range(2):
        hooked.desk.act(hooked.act, hooked.properties())
    assert {json.loads(heard.body)["callBackUri"] for heard in hooked.listener.posts} == {ADDRESS}


def test_an_endpoint_that_refuses_fails_the_activity_at_once(hooked: Hooked) -> None:
    """The address to call back at is in no message."""
    hooked.listener.answer = lambda heard: (403, {}, heard.body)
    label, message = failure_of(hooked.desk.act(hooked.act, hooked.properties()))
    url = hooked.listener.url
    shown = '{"callBackUri": "**********"}'
    expected = f"Error calling the endpoint '{url}'. Response status code: '403'. More details:{shown}"
    assert (label, message) == ("2108", expected)


def test_a_body_that_is_no_object_is_refused(hooked: Hooked) -> None:
    """There is nowhere to put the address."""
    label, message = failure_of(hooked.desk.act(hooked.act, hooked.properties(body="[1]")))
    expected = "The property 'body' must be a JSON object, to which 'callBackUri' can be added; it is of type 'Array'."
    assert (label, message) == ("BadRequest", expected)
    assert hooked.listener.posts == []


ERROR: Json = {"ErrorCode": "E1", "Message": "not today"}


@pytest.mark.parametrize(
    ("signal", "expected"),
    [
        ({"Output": {"a": 1}}, Outcome({"a": 1})),
        ({}, Outcome({})),
        ({"Output": [1]}, Outcome({"Output": [1]})),
        ({"Output": {"a": 1}, "StatusCode": "200", "Error": ERROR}, Outcome({"a": 1})),
    ],
)
def test_what_is_called_back_is_the_output(hooked: Hooked, signal: Mapping[str, Json], expected: Outcome) -> None:
    """Nothing is sent again."""
    properties = hooked.properties(reportStatusOnCallBack=True)
    assert hooked.desk.resume(hooked.act, properties, {"called": True}, {"callback": signal}) == expected
    assert hooked.listener.posts == []


@pytest.mark.parametrize(
    ("signal", "label", "message"),
    [
        ({"Output": {"a": 1}, "StatusCode": "403", "Error": ERROR}, "E1", "not today"),
        ({"StatusCode": 500}, "500", "The endpoint of the activity 'A' reported the status 500."),
        ({"StatusCode": "bad"}, "BadRequest", "The endpoint called back with the status 'bad', which is no number."),
    ],
)
def test_a_reported_failure_is_one_where_that_was_asked_for(
    hooked: Hooked, signal: Mapping[str, Json], label: str, message: str
) -> None:
    """Without ``reportStatusOnCallBack`` the status counts for nothing."""
    properties = hooked.properties(reportStatusOnCallBack=True)
    assert failure_of(hooked.desk.resume(hooked.act, properties, {}, {"callback": signal})) == (label, message)
    assert hooked.desk.resume(hooked.act, hooked.properties(), {}, {"callback": signal}).failure is None
