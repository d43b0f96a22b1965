"""Flows are listed with their last runs, run by hand from where they stand, paused and resumed."""

from dataclasses import replace
from typing import Any

import pytest

from headrace.core.client import Identity, Role
from headrace.core.clock import MINUTE, Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.flow import Activity, Flow, Plan
from headrace.core.native.flows import AskFlow, AskFlowRun, ListFlows
from headrace.core.native.installation import ListAudit
from headrace.core.native.table import LIST_AUDIT, LIST_FLOWS, PAUSE_FLOW, RESUME_FLOW, RUN_FLOW, SHOW_FLOW
from headrace.core.recurrence import Frequency, Recurrence
from headrace.core.run import Run, RunStatus
from headrace.core.schedule import Schedule, Unit
from headrace.core.trigger import Trigger, TriggerKind
from headrace.core.window import Window
from headrace.service.documents import DocumentDraft, write_document
from headrace.service.flows import put_flow, write_flow
from headrace.service.native.desk import Pipelines, PipelineWish
from headrace.service.schedules import Firing, put_schedule
from headrace.service.triggers.changes import TriggerDraft, put_trigger, start_trigger
from headrace.store import runs, triggers, watermarks
from headrace.store import schedules as schedule_rows
from ledger_rows import NOW, OTHER_SCOPE, SCOPE, a_flow, a_run, finish
from native_house import OPERATOR, READER, NativeHouse

FACTORY = "datafactory/s/g/f"
QUARTERLY = Schedule(NOW, Unit.MINUTE, 15)


def put(native: NativeHouse, schedule: Schedule | None = None, **changes: Any) -> Flow:
    """Write a flow with a schedule, and return it."""
    flow = put_flow(native.database, a_flow(**changes), "tester", native.clock)
    with native.database.transaction() as tx:
        put_schedule(tx, flow, schedule, native.clock.now())
    native.clock.advance(1)
    return flow


def put_pipeline(native: NativeHouse, *names: str) -> list[Trigger]:
    """Write a pipeline that these triggers run every hour, and return them, started."""
    made = []
    with native.database.transaction() as tx:
        write_flow(tx, a_flow(id="p", scope=FACTORY, name="Load", labels={"pipeline": "Load"}), "tester", NOW)
        for name in names:
            body = {"properties": {"pipelines": [{"pipelineReference": {"referenceName": "load"}}]}}
            write_document(
                tx, DocumentDraft(scope=FACTORY, kind="trigger", id=name, name=name, body=body, who="t"), NOW
            )
            definition = Recurrence(Frequency.HOUR, 1, NOW)
            draft = TriggerDraft(
                scope=FACTORY, name=name, type="ScheduleTrigger", kind=TriggerKind.SCHEDULE, definition=definition
            )
            made.append(put_trigger(tx, draft, native.desk.ids, NOW))
            start_trigger(tx, made[-1], "tester", NOW)
    return made


def run_now(native: NativeHouse, flow: str = "flow-1", caller: Identity = OPERATOR, **given: Any) -> Run:
    """Run a flow, and return the run as it is kept."""
    line = native.ask(RUN_FLOW, AskFlowRun(flow=flow, **given), caller)
    with native.database.reading() as tx:
        return runs.get(tx, line.scope, line.id)


def test_flows_are_listed_with_their_last_runs_the_oldest_first(native: NativeHouse) -> None:
    """At most 25, and how many of those that ended succeeded."""
    put(native, QUARTERLY)
    put(native, id="flow-2", scope=OTHER_SCOPE, name="Trains")
    with native.database.transaction() as tx:
        for number in range(28):
            runs.insert(tx, a_run(f"run-{number:02d}", created_at=NOW + number))
        finish(tx, "run-26", RunStatus.SUCCEEDED)
        finish(tx, "run-27")
    first, second = native.ask(LIST_FLOWS, ListFlows()).items
    assert (first.name, first.last, first.success_rate, first.starts) == ("Trains", (), None, "")
    assert [square.run for square in second.last] == [f"run-{number:02d}" for number in range(3, 28)]
    assert (second.success_rate, second.activities, second.next_at) == (0.5, 2, NOW)
    assert second.starts == "every 15 minutes, from 2023-11-14 22:13 UTC"
    assert [line.id for line in native.ask(LIST_FLOWS, ListFlows(text="train")).items] == ["flow-2"]
    assert [line.id for line in native.ask(LIST_FLOWS, ListFlows(), READER).items] == ["flow-1"]
    page = native.ask(LIST_FLOWS, ListFlows(limit=1))
    assert [line.id for line in native.ask(LIST_FLOWS, ListFlows(limit=1, cursor=page.next)).items] == ["flow-1"]


def test_a_flow_is_found_by_name_where_there_is_one(small: NativeHouse) -> None:
    """Of two scopes one has to be named; the history is longer than the strip."""
    put(small, parameters={"day": "monday"})
    put(small, id="flow-2", scope=OTHER_SCOPE)
    with small.database.transaction() as tx:
        for number in range(30):
            runs.insert(tx, a_run(f"run-{number:02d}", created_at=NOW + number))
    with pytest.raises(Problem, match=f"several scopes have a flow 'flights': {SCOPE}, {OTHER_SCOPE}"):
        small.ask(SHOW_FLOW, AskFlow(flow="flights"))
    view = small.ask(SHOW_FLOW, AskFlow(flow="flights", scope="flowservice/acme"))
    assert (view.line.id, len(view.line.last), len(view.history)) == ("flow-1", 25, 30)
    assert (view.parameters, view.created_at) == ({"day": "monday"}, NOW)
    assert small.ask(SHOW_FLOW, AskFlow(flow="flow-2")).line.scope == OTHER_SCOPE


def test_a_definition_is_shown_without_sealed_secrets(small: NativeHouse) -> None:
    """What stands for a secret in a plan is nobody's business."""
    settings = {"typeProperties": {"url": "u", "encryptedCredential": "headrace.v1.sealed"}}
    put(small, plan=Plan((Activity("Web", "WebActivity", settings),)))
    shown = str(small.ask(SHOW_FLOW, AskFlow(flow="flow-1")).definition)
    assert "sealed" not in shown
    assert "'encryptedCredential': '******'" in shown


def test_a_paused_flow_starts_nothing_until_it_is_resumed(native: NativeHouse) -> None:
    """Its schedule is paused with it; who did it stands in the audit."""
    put(native, QUARTERLY)
    line = native.ask(PAUSE_FLOW, AskFlow(flow="flow-1"), OPERATOR)
    assert (line.enabled, line.paused, line.next_at, line.verbs) == (False, True, None, ("resume",))
    assert native.ask(PAUSE_FLOW, AskFlow(flow="flow-1"), OPERATOR) == line
    with native.database.reading() as tx:
        kept = schedule_rows.get(tx, SCOPE, "flow-1")
    assert kept is not None
    assert not kept.enabled
    with pytest.raises(Problem, match="is disabled"):
        run_now(native)
    line = native.ask(RESUME_FLOW, AskFlow(flow="flow-1"), OPERATOR)
    assert (line.paused, line.next_at, line.verbs) == (False, NOW, ("run", "pause"))
    audit = native.ask(LIST_AUDIT, ListAudit(who="op", action="flow.*")).items
    assert [entry.action for entry in audit if entry.action != "flow.put"] == ["flow.resume", "flow.pause"]


def test_a_pipeline_is_paused_with_all_its_triggers(native: NativeHouse) -> None:
    """It can still be run by hand."""
    put_pipeline(native, "hourly", "nightly")
    line = native.ask(LIST_FLOWS, ListFlows()).items[0]
    assert (line.starts, line.paused, line.verbs) == ("2 triggers", False, ("run", "pause"))
    assert line.next_at is not None
    line = native.ask(PAUSE_FLOW, AskFlow(flow="Load"), OPERATOR)
    assert (line.paused, line.next_at, line.verbs) == (True, None, ("run", "resume"))
    with native.database.reading() as tx:
        assert triggers.started(tx, TriggerKind.SCHEDULE) == []
    assert not native.ask(RESUME_FLOW, AskFlow(flow="Load"), OPERATOR).paused


def test_a_pipelines_parameters_are_told_with_their_defaults(small: NativeHouse) -> None:
    """As its document declares them: null where there is no default; the default of a secure one is nobody's business."""
    put_pipeline(small)
    assert small.ask(SHOW_FLOW, AskFlow(flow="Load")).parameters == {}
    declared: dict[str, Json] = {
        "day": {"type": "string", "defaultValue": "monday"},
        "need": {"type": "int"},
        "key": {"type": "SecureString", "defaultValue": {"type": "SecureString", "value": "hunter2"}},
    }
    with small.database.transaction() as tx:
        body: dict[str, Json] = {"properties": {"parameters": declared, "activities": []}}
        write_document(
            tx, DocumentDraft(scope=FACTORY, kind="pipeline", id="load", name="Load", body=body, who="t"), NOW
        )
    told = small.ask(SHOW_FLOW, AskFlow(flow="Load")).parameters
    assert (told["day"], told["need"], "hunter2" in str(told)) == ("monday", None, False)


def test_a_pipeline_without_triggers_and_a_flow_of_jobs_cannot_be_paused(small: NativeHouse) -> None:
    """Nothing starts them by themselves."""
    put_pipeline(small)
    put(small, id="j", scope="jobs/acc/env", name="extract")
    for name in ("Load", "extract"):
        with pytest.raises(Problem, match="nothing that starts it by itself") as caught:
            small.ask(PAUSE_FLOW, AskFlow(flow=name))
        assert caught.value.code is Code.UNSUPPORTED
    assert [line.verbs for line in small.ask(LIST_FLOWS, ListFlows()).items] == [("run",), ()]
    with pytest.raises(Problem, match="make a job"):
        small.ask(RUN_FLOW, AskFlowRun(flow="extract"))


def test_a_run_by_hand_takes_what_is_new_and_the_schedule_goes_on_behind_it(native: NativeHouse) -> None:
    """Windows tile, whoever asks for them: no row is read twice, none is left out."""
    put(native, QUARTERLY)
    first = run_now(native)
    assert (first.window, first.created_by) == (Window(None, Instant(NOW + 1)), "op")
    native.clock.advance(MINUTE)
    second = run_now(native)
    assert second.window == Window(Instant(NOW + 1), Instant(NOW + 1 + MINUTE))
    with native.database.reading() as tx:
        kept = schedule_rows.get(tx, SCOPE, "flow-1")
    assert kept is not None
    assert (kept.window, kept.run_id, kept.next_at) == (second.window, second.id, NOW + 15 * MINUTE)
    with pytest.raises(Problem, match="nothing is new"):
        run_now(native)


def test_a_run_by_hand_with_a_window_leaves_the_schedule_alone(small: NativeHouse) -> None:
    """It is another question."""
    put(small, QUARTERLY)
    asked = Window(None, NOW)
    assert run_now(small, window=asked).window == asked
    with small.database.reading() as tx:
        kept = schedule_rows.get(tx, SCOPE, "flow-1")
    assert kept is not None
    assert kept.window is None


def test_the_same_request_key_answers_with_the_same_run(native: NativeHouse) -> None:
    """A request that is repeated runs nothing twice; for another flow it is refused."""
    put(native, QUARTERLY)
    put(native, id="flow-2", name="trains")
    first = run_now(native, request_key="k")
    assert run_now(native, request_key="k").id == first.id
    with pytest.raises(Problem, match="was used before"):
        run_now(native, "trains", request_key="k")


def test_a_doors_flow_is_run_as_the_door_makes_its_runs(small: NativeHouse) -> None:
    """With the plan and the facts of that moment."""
    put(small)
    plan = Plan((Activity("Other", "copy", {"n": 2}),))
    made = small.with_desk(makers={"flowservice": lambda _flow: Firing(plan, {"fact": 1})})
    run = run_now(made)
    assert (run.definition, run.details) == (plan, {"fact": 1})


def test_a_pipeline_is_run_through_its_door(small: NativeHouse) -> None:
    """With the parameters that are given, in the name of who asks; it has no window."""
    put_pipeline(small)
    wishes: list[PipelineWish] = []

    def run(wish: PipelineWish) -> Run:
        wishes.append(wish)
        return a_run("made", scope=FACTORY)

    made = small.with_desk(pipelines=Pipelines(run=run, plan=small.desk.pipelines.plan))
    line = made.ask(RUN_FLOW, AskFlowRun(flow="Load", parameters={"a": 1}, request_key="k"), OPERATOR)
    asked = wishes[0]
    assert (line.id, asked.parameters, asked.who, asked.pipeline) == ("made", {"a": 1}, "op", "Load")
    assert asked.request_key == "k"
    with pytest.raises(Problem, match="a pipeline has no window"):
        made.ask(RUN_FLOW, AskFlowRun(flow="Load", window=Window()), OPERATOR)


def test_a_flow_file_goes_on_from_its_watermark(native: NativeHouse) -> None:
    """What was delivered is not read again; without a watermark a window has to be given."""
    copy = Activity("Copy", "copy", {"source": {"kind": "table", "delta": {"name": "day"}}})
    flow = put(native, id="f", scope="local", name="days", plan=Plan((copy,)), labels={"flow_file": "/x.yaml"})
    with pytest.raises(Problem, match="no run of it has gone on from a watermark yet"):
        run_now(native, "days")
    marked = {"watermark": {"key": "k"}}
    earlier = a_run("run-1", scope="local", flow_id="f", definition=flow.plan, details=marked)
    with native.database.transaction() as tx:
        runs.insert(tx, earlier)
    with pytest.raises(Problem, match="reads from the same watermark"):
        run_now(native, "days")
    with native.database.transaction() as tx:
        finish(tx, "run-1", RunStatus.SUCCEEDED)
        watermarks.advance(tx, "local", "f", "k", NOW, "run-1")
    run = run_now(native, "days")
    assert run.window == Window(NOW, None)
    assert run.details == {"flow_file": "/x.yaml", **marked}
    assert native.ask(SHOW_FLOW, AskFlow(flow="days")).watermark == NOW


def test_a_flow_that_overwrites_reads_everything(small: NativeHouse) -> None:
    """It has no watermark to go on from."""
    copy = Activity("Copy", "copy", {"source": {"kind": "files", "by_modification_time": True}})
    promote = Activity("Promote", "promote", {"target": {"kind": "delta", "table": "t", "mode": "overwrite"}})
    put(small, id="f", scope="local", name="days", plan=Plan((copy, promote)))
    assert run_now(small, "days").window is None


def test_a_reader_is_told_of_no_verbs_and_may_do_none(small: NativeHouse) -> None:
    """What cannot be asked for is not offered."""
    put(small, QUARTERLY)
    assert small.ask(LIST_FLOWS, ListFlows(), READER).items[0].verbs == ()
    reader = replace(READER, role=Role.READER)
    with pytest.raises(Problem, match="needs the role operator"):
        small.ask(PAUSE_FLOW, AskFlow(flow="flow-1"), reader)


def test_a_draft_is_neither_run_nor_paused(small: NativeHouse) -> None:
    """It has nothing to do yet, and its door publishes it."""
    put(small, plan=Plan(()), enabled=False)
    line = small.ask(LIST_FLOWS, ListFlows()).items[0]
    assert (line.verbs, line.paused) == ((), False)
    with pytest.raises(Problem, match="is a draft"):
        small.ask(RESUME_FLOW, AskFlow(flow="flow-1"))
