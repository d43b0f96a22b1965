"""Scripts run in processes of their own: what they give back, and what becomes of those that mean harm."""

import os
import signal
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.job_limits import ScriptLimits
from headrace.core.record import Level, Message, MessageSource, Record, RecordChange
from headrace.core.task import Cancellation
from headrace.dataplane.scripts.runner import Scripts
from waiting import until

KEYS = ("name", "age", "tags")


@pytest.fixture(scope="module")
def scripts() -> Iterator[Scripts]:
    """Return a runner with the limits that everybody has."""
    with Scripts(ScriptLimits()) as runner:
        yield runner


def record(number: int = 1, metadata: Mapping[str, Json] | None = None, **values: Json) -> Record:
    """Return a record."""
    return Record(number, f"us_rc_{number:032x}", values, {}, True, metadata or {}, {}, 1, Instant(0))


ANN = record(1, name="Ann", age=30, tags=["a", "b"])
BOB = record(2, name="Bob")


def changed(scripts: Scripts, script: str, *records: Record) -> list[RecordChange | None]:
    """Return what a script changes."""
    return scripts(script, KEYS, records or (ANN,))


def refusal(scripts: Scripts, script: str, *records: Record) -> str:
    """Return why a script fails; afterwards the next one works."""
    with pytest.raises(Problem) as failed:
        changed(scripts, script, *records)
    assert failed.value.code is Code.INVALID
    assert [error.path for error in failed.value.fields] == ["mutateRecord"]
    assert changed(scripts, "r => r.set('name', 'next')", BOB) == [RecordChange(BOB.id, {"name": "next"})]
    return failed.value.message


@pytest.mark.parametrize(
    "script",
    [
        "function mutate(record) { record.values.name.value = record.values.name.value + '!'; }",
        "function (record) { record.set('name', record.get('name') + '!'); return record; };",
        "record => ({values: {name: {value: record.get('name') + '!'}}})",
        "(record) => ({...record, values: {name: `${record.values.name.value}!`}})",
        "// says it louder\n(record) => { record.set('name', record.get('name') + '!') }; // that is all",
        "({get, set}) => { set('name', get('name') + '!'); }",
        "r => { r.values.name = r.values.name.value + '!'; r.valid = false; r.more = 1; }",
    ],
)
def test_a_script_is_a_function_that_gives_a_record_back_or_changes_the_one_it_got(
    scripts: Scripts, script: str
) -> None:
    """All three forms, cells as objects or bare, with a record given back or without."""
    assert changed(scripts, script, ANN, BOB) == [
        RecordChange(ANN.id, {"name": "Ann!"}),
        RecordChange(BOB.id, {"name": "Bob!"}),
    ]


def test_a_script_sees_the_record_as_listeners_do(scripts: Scripts) -> None:
    """Every field is there, set or not, with messages and validity; nothing else is."""
    said = Message(Level.ERROR, MessageSource.CUSTOM, "too young")
    given = Record(
        3, "us_rc_3", {"age": 3, "gone": 1}, {"age": (said,)}, False, {"m": 1}, {"readonly": True}, 1, Instant(0)
    )
    script = "r => ({values: {name: JSON.stringify(r)}})"
    (change,) = changed(scripts, script, given)
    assert change is not None
    message = '{"type":"error","source":"custom-logic","message":"too young"}'
    assert change.values["name"] == (
        '{"id":"us_rc_3","values":{"name":{"value":null,"messages":[],"valid":true},'
        f'"age":{{"value":3,"messages":[{message}],"valid":false}},"tags":{{"value":null,"messages":[],"valid":true}}}},'
        '"valid":false,"metadata":{"m":1},"config":{"readonly":true}}'
    )


@pytest.mark.parametrize(
    ("script", "values"),
    [
        ("r => {}", None),
        ("r => r", None),
        ("r => ({values: {}})", None),
        ("r => ({values: {name: {}, age: {messages: []}}})", None),
        ("r => ({values: {tags: ['a', 'b']}})", None),
        ("r => ({values: {tags: ['b', 'a']}})", {"tags": ["b", "a"]}),
        ("r => r.set('name', null)", {"name": None}),
        ("r => r.set('name', undefined)", {"name": None}),
        ("r => r.set('name', '')", {"name": ""}),
        ("r => r.set('age', 30.0)", None),
        ("r => r.set('age', true)", {"age": True}),
        ("r => r.set('age', 0/0)", {"age": None}),
        ("r => r.set('other', new Date(0))", {"other": "1970-01-01T00:00:00.000Z"}),
        ("r => ({values: JSON.parse('{\"__proto__\": 5}')})", {"__proto__": 5}),
    ],
)
def test_only_what_differs_is_a_change(scripts: Scripts, script: str, values: dict[str, Json] | None) -> None:
    """A cell without a value, or that is not there, stays as it is."""
    assert changed(scripts, script) == [None if values is None else RecordChange(ANN.id, values)]


def test_numbers_that_scripts_cannot_hold_stay_as_they_are(scripts: Scripts) -> None:
    """Beyond 53 bits a number is rounded there; that is no change of the record."""
    large = record(4, age=2**60 + 1, tags=[10**400])
    assert changed(scripts, "r => r.set('name', 'x')", large) == [RecordChange(large.id, {"name": "x"})]


def test_metadata_and_config_can_be_changed(scripts: Scripts) -> None:
    """They are replaced as a whole."""
    change = changed(scripts, "r => { r.metadata.n += 1; r.config = {readonly: true}; }", record(5, {"n": 1}))
    assert change == [RecordChange(record(5).id, metadata={"n": 2}, config={"readonly": True})]


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("", "it is no function"),
        ("function (r) { r. }", "SyntaxError: expecting field name"),
        ("function (", "SyntaxError"),
        ("42", "it is no function"),
        ("1n", "it is no function"),
        ("2n ** 100000n", "no function"),
        ("r => '\0'", "a character of code 0"),
        ("while (true) {}", "longer than 50 ms"),
        ("(() => { for (;;); })()", "longer than 50 ms"),
        (f"{'(' * 100_000}r => r{')' * 100_000}", "stack"),
    ],
)
def test_a_text_that_is_no_function_is_refused(scripts: Scripts, script: str, words: str) -> None:
    """The text itself is run under the limits, too."""
    assert words in refusal(scripts, script)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("r => { while (true) {} }", "longer than 50 ms"),
        ("r => { try { while (true) {} } catch { } finally { return r } }", "longer than 50 ms"),
        ("r => { throw {toString() { while (true); }} }", "longer than 50 ms"),
        ("r => /(a+)+$/.test('a'.repeat(40) + 'b')", "longer than 50 ms"),
        ("r => new Proxy(r, {get() { for (;;); }})", "longer than 50 ms"),
        ("r => { const many = []; for (;;) many.push(new Array(100000).fill(many.length)); }", ""),
        ("r => r.set('name', 'x'.repeat(2 ** 28) + r.id)", "more memory than 64 MB"),
        ("r => r.set('name', 'x'.repeat(2 ** 23))", "more than 4194304 characters"),
        ("r => { const f = () => f() + 1; f(); }", "Maximum call stack size"),
        ("r => eval('1')", "eval is not defined"),
        ("r => new Function('return 1')()", "Function is not defined"),
        ("r => (() => 1).constructor('return 1')()", "code cannot be made of text"),
        ("r => Object.getPrototypeOf(async function* () {}).constructor('1')", "code cannot be made of text"),
        ("r => import('os')", "promise"),
        ("async r => r", "promise"),
        ("r => std.open('/etc/passwd', 'r')", "std is not defined"),
        ("r => os.exec(['id'])", "os is not defined"),
        ("r => fetch('http://127.0.0.1/')", "fetch is not defined"),
        ("r => process.exit(1)", "process is not defined"),
        ("r => require('fs')", "require is not defined"),
        ("r => setTimeout(() => 1)", "setTimeout is not defined"),
        ("r => Atomics.wait(new Int32Array(4), 0, 0)", "Atomics is not defined"),
        ("r => 7", "a number, not with a record"),
        ("r => 'x'", "a string"),
        ("r => []", "an array"),
        ("r => () => r", "a function"),
        ("r => Symbol('x')", "a symbol"),
        ("r => ({values: null})", "no values"),
        ("r => ({values: [1]})", "no values"),
        ("r => ({values: {age: 1n}})", "BigInt"),
        ("r => { const c = {}; c.c = c; return {values: {name: {value: c}}} }", "circular"),
        ("r => ({id: 'us_rc_other', values: {}})", "id of another record"),
        ("r => ({values: {}, metadata: 5})", "metadata is no object"),
        ("r => r.set('name', '\\ud800')", "cannot be read"),
        ("r => r.set('name', 'a\\0b')", "a character of code 0"),
        ("r => { throw new Error('a\\u202eb\\nc') }", "Error: a b c"),
        ("r => { Object.prototype.toJSON = () => 7; }", "no record"),
        ("r => { Object.prototype.toJSON = () => ({values: 1}); }", "no record"),
        ("r => { throw null }", "it threw null"),
        ("r => { throw new TypeError('wrong ' + r.get('name')) }", "TypeError: wrong Ann"),
        ("r => { throw {toString() { throw 1; }} }", "cannot be put into words"),
        ("r => { throw Object.assign(new Error(), {get message() { return {} }}) }", "Error"),
        (
            "r => { const e = new Error('x'); e.toString = null; Error.prototype.toString = () => { for (;;); }; throw e }",
            "x",
        ),
        ("r => r.values.nothing.value", "TypeError"),
    ],
)
def test_a_script_that_means_harm_is_refused_with_the_record(scripts: Scripts, script: str, words: str) -> None:
    """Whatever it tries, the answer names the record that it was at, and the next script works."""
    message = refusal(scripts, script)
    assert words in message
    assert f"record {ANN.id}: " in message


@pytest.mark.parametrize(
    "script",
    [
        "r => { JSON.stringify = null; Array.prototype.includes = null; Object.keys = () => []; }",
        "r => { delete globalThis.JSON; }",
    ],
)
def test_what_a_script_does_to_the_language_it_does_to_nobody(scripts: Scripts, script: str) -> None:
    """It breaks neither what calls it nor the scripts after it."""
    assert changed(scripts, script, ANN, BOB) == [None, None]
    assert changed(scripts, "r => r.set('name', JSON.stringify(1))") == [RecordChange(ANN.id, {"name": "1"})]


def test_the_record_that_fails_is_the_one_that_is_named(scripts: Scripts) -> None:
    """The first error ends the request."""
    many = [record(number, age=number) for number in range(1, 40)]
    message = refusal(scripts, "r => { if (r.get('age') === 17) throw new Error('no') }", *many)
    assert message == f"the script failed: record {record(17).id}: Error: no"


def test_answers_of_a_request_are_not_too_long_together(scripts: Scripts) -> None:
    """Each of them is short enough; who reads them must not run out of memory."""
    many = [record(number) for number in range(1, 40)]
    message = refusal(scripts, "r => r.set('name', 'x'.repeat(2 ** 20))", *many)
    assert (
        message
        == f"the script failed: record {record(17).id}: the answers for all records of a request together are too long"
    )


def test_large_records_go_out_a_few_at_a_time(scripts: Scripts) -> None:
    """So that they fit into the memory of the process."""
    many = [record(number, name="x" * 3_000_000) for number in range(1, 8)]
    assert changed(scripts, "r => r.set('age', r.get('name').length)", *many) == [
        RecordChange(one.id, {"age": 3_000_000}) for one in many
    ]
    assert "too many for a script" in refusal(scripts, "r => r", record(1, name="x" * 5_000_000))


def test_what_nothing_can_interrupt_is_killed_by_the_system_and_named(scripts: Scripts) -> None:
    """Some of the engine's own loops look at no clock; half a second of work is the end of them."""
    changed(scripts, "r => r")
    (before,) = scripts.pids()
    message = refusal(scripts, "r => { if (r.get('name') === 'Bob') new Array(4294967295).join() }", ANN, BOB)
    assert message == f"the script failed: record {BOB.id}: it took longer than 50 ms"
    assert scripts.pids() != (before,)


def test_all_records_together_have_a_time_of_their_own() -> None:
    """Each call is quick enough, and all of them are not."""
    busy = "r => { const end = Date.now() + 40; while (Date.now() < end); }"
    many = [record(number) for number in range(1, 20)]
    with (
        Scripts(ScriptLimits(call_seconds=0.2, request_seconds=0.1)) as scripts,
        pytest.raises(Problem, match=r"longer than 0\.1 s"),
    ):
        changed(scripts, busy, *many)


def test_a_process_that_was_killed_is_replaced(scripts: Scripts) -> None:
    """Nobody sees that it had gone."""
    changed(scripts, "r => r")
    (pid,) = scripts.pids()
    os.kill(pid, signal.SIGKILL)
    assert changed(scripts, "r => r.set('name', 'x')") == [RecordChange(ANN.id, {"name": "x"})]
    assert scripts.pids() != (pid,)


def test_a_process_can_reach_nothing(scripts: Scripts) -> None:
    """It has no environment, can open no file, start no process and write no core."""
    changed(scripts, "r => r")
    (pid,) = scripts.pids()
    process = Path(f"/proc/{pid}")
    assert (process / "environ").read_bytes() == b""
    limits = {line[:26].strip(): line[26:].split()[:2] for line in (process / "limits").read_text().splitlines()}
    for name in ("Max open files", "Max file size", "Max processes", "Max core file size"):
        assert limits[name] == ["0", "0"]
    status = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
    assert int(status["VmHWM"].split()[0]) < 160 << 10
    if Path("/proc/sys/kernel/seccomp/actions_avail").exists():
        filtered = "2"
        tasks = [task / "status" for task in (process / "task").iterdir()]
        assert [
            dict(line.split(":", 1) for line in task.read_text().splitlines())["Seccomp"].strip() for task in tasks
        ] == [filtered] * len(tasks)


def test_a_script_under_way_stops_when_it_is_cancelled() -> None:
    """Cancelling kills the process: nobody waits for the end of the script."""
    cancellation = Cancellation()
    with Scripts(ScriptLimits(call_seconds=20, request_seconds=20)) as scripts:

        def cancel() -> None:
            until(scripts.pids, seconds=10, what="a process")
            cancellation.stop(Code.CANCELLED, "enough")

        canceller = threading.Thread(target=cancel)
        canceller.start()
        began = time.monotonic()
        with pytest.raises(Problem, match="enough"):
            scripts("r => { for (;;); }", KEYS, [ANN], cancellation)
        canceller.join()
        assert time.monotonic() - began < 5


def test_nothing_is_left_of_a_runner_that_was_closed() -> None:
    """Its processes have ended, and it takes no further script."""
    scripts = Scripts(ScriptLimits())
    changed(scripts, "r => r")
    (pid,) = scripts.pids()
    scripts.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(Problem, match="stopping"):
        changed(scripts, "r => r")
