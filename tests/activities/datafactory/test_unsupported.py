"""Types that nothing here executes: refused, or handed to a real command or a real endpoint."""

import json
import os
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from headrace.activities.datafactory.attempt import Attempt, Result
from headrace.activities.datafactory.calls import Calling
from headrace.activities.datafactory.unsupported import Executors, unsupported
from headrace.config import environment
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.executors import parse_executors
from headrace.dataplane.connectors.egress import Egress
from listeners import listening
from pipeline_desk import RUN_ID, Desk, failure_of
from waiting import until


def _act(executors: Mapping[str, Json], properties: Mapping[str, Json], desk: Desk | None = None) -> Any:
    parsed = Executors(parse_executors(json.dumps(executors)), environment())

    def act(attempt: Attempt) -> Result:
        return unsupported(attempt, Calling(Egress(("127.0.0.1",))), parsed)

    return (desk or Desk()).act(act, properties, settings={"type": "Custom"})


def _program(text: str) -> Mapping[str, Json]:
    return {"custom": {"command": [sys.executable, "-c", text]}}


def test_a_type_that_is_not_executed_says_so_by_name() -> None:
    """Whole factories can be imported; a run that reaches such an activity tells which it is, and what its operator can do."""
    desk = Desk()
    label, message = failure_of(_act({}, {"command": "@concat('a','b')"}, desk))
    assert desk.notes["input"] == {"command": "ab"}
    assert failure_of(_act({}, {"command": "@nope()"})) == (label, message)
    assert label == "UnsupportedType"
    assert message.startswith("Activities of type 'Custom' are not executed by this server.")


def test_a_command_gets_the_evaluated_properties_and_answers_with_the_output() -> None:
    """It sees who asks, by names that let it recognise an attempt that it has done, and nothing of the server's secrets."""
    os.environ["HEADRACE_SECRET_KEY_OF_NOBODY"] = "hush"
    try:
        program = "import json,os,sys; print(json.dumps({'given': json.load(sys.stdin), 'env': dict(os.environ)}))"
        output = _act(_program(program), {"command": "@concat('a','b')", "n": 1}).output
    finally:
        del os.environ["HEADRACE_SECRET_KEY_OF_NOBODY"]
    assert output["given"] == {"command": "ab", "n": 1}
    seen = output["env"]
    assert (seen["ACTIVITY_TYPE"], seen["ACTIVITY_NAME"], seen["PIPELINE_NAME"]) == ("Custom", "A", "p")
    assert (seen["PIPELINE_RUN_ID"], len(seen["ACTIVITY_RUN_ID"])) == (RUN_ID, 36)
    assert not [name for name in seen if name.startswith("HEADRACE")]
    assert output["durationInQueue"] == {"integrationRuntimeQueue": 0}


@pytest.mark.parametrize(("said", "shown"), [("[1]", [1]), ("done", "done\n")])
def test_what_a_command_says_otherwise_is_the_response(said: str, shown: Json) -> None:
    """As with answers of endpoints; a command that says nothing has an empty answer."""
    assert _act(_program(f"print({said!r})"), {}).output["Response"] == shown
    assert "Response" not in _act(_program("pass"), {}).output


def test_a_command_that_fails_is_told_with_the_end_of_its_complaint() -> None:
    """The status and the last lines are what somebody needs who looks for the reason."""
    label, message = failure_of(
        _act(_program("import sys; print('x' * 9000 + 'the end', file=sys.stderr); sys.exit(3)"), {})
    )
    assert label == "CommandFailed"
    assert message.startswith("The command for activities of type 'Custom' ended with status 3: xxx")
    assert message.endswith("the end")
    assert len(message) < 4200


def test_a_command_that_says_too_much_is_ended() -> None:
    """Four megabytes are the limit of what is kept."""
    endless = "import sys\nwhile True: sys.stdout.write('x' * 65536)"
    assert failure_of(_act(_program(endless), {}))[0] == "2001"


def test_a_command_that_cannot_be_started_is_the_operators_to_repair() -> None:
    """Trying again may help, when it is there."""
    with pytest.raises(Problem, match="cannot be started") as raised:
        _act({"Custom": {"command": ["/nowhere/at/all"]}}, {})
    assert raised.value.code is Code.UNAVAILABLE


def test_a_command_is_killed_with_all_that_it_started_when_its_attempt_is_to_stop(tmp_path: Path) -> None:
    """Cancellation and timeouts end the work, not only the waiting for it."""
    program = (
        "import pathlib,subprocess,sys\n"
        "child = subprocess.Popen(['sleep', '60'])\n"
        f"pathlib.Path({str(tmp_path / 'started')!r}).write_text(str(child.pid))\n"
        "sys.stdout.write('{}'); sys.stdout.close(); child.wait()"
    )
    desk = Desk()

    def stop_when_started() -> bool:
        if (tmp_path / "started").exists() and (tmp_path / "started").read_text():
            desk.cancellation.stop(Code.TIMED_OUT, "its time is over")
        return desk.cancellation.problem is not None

    watcher = threading.Thread(target=lambda: until(stop_when_started, seconds=20, what="the child"))
    watcher.start()
    with pytest.raises(Problem) as raised:
        _act(_program(program), {}, desk)
    watcher.join(10)
    assert raised.value.code is Code.TIMED_OUT
    child = int((tmp_path / "started").read_text())
    until(lambda: _is_gone(child), seconds=20, what="the end of the child")


def test_an_endpoint_gets_the_evaluated_properties_and_answers_with_the_output() -> None:
    """What it answers is the output; a status that is no success is told as for web activities."""
    with listening() as listener:
        listener.answer = lambda _heard: (200, {}, b'{"done": true}')
        executors = {"CUSTOM": {"url": listener.url}}
        assert _act(executors, {"n": "@add(1,1)"}).output["done"] is True
        (heard,) = listener.posts
        assert json.loads(heard.body) == {"n": 2}
        assert (heard.headers["x-activity-type"], heard.headers["x-pipeline-run-id"]) == ("Custom", RUN_ID)
        listener.answer = lambda _heard: (500, {}, b"no")
        assert failure_of(_act(executors, {}))[0] == "2108"


def _is_gone(pid: int) -> bool:
    try:
        return "Z" in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return True
