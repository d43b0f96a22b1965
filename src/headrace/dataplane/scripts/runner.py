"""Runs scripts in processes of their own (``core.scripts.ScriptRunner``).

A process is started when a script is to be run, and ends by itself when nothing is asked of it for a while; it is killed when a script holds it
up, and the next script gets a new one.
"""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from types import TracebackType
from typing import Any, Self

import msgspec
import structlog

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.job_limits import ScriptLimits
from headrace.core.record import Message, Record, RecordChange
from headrace.core.scripts import script_problem
from headrace.core.task import Cancellation
from headrace.dataplane.scripts.pipes import Gone, Late, ScriptProcess

_ANSWER_CHARACTERS = 4 << 20
"""Longest answer for one record, and longest record."""
_REQUEST_BYTES = 8 << 20
_ANSWERS_BYTES = 16 << 20
"""Of all answers to a request together, beside what its records had."""
_WAIT_SECONDS = 30.0
_OUT_OF_TIME = {-27, -24}
"""Of SIGPROF and SIGXCPU: the system killed it since it worked for too long."""
_EXACT = 1 << 53

_log = structlog.get_logger(__name__)


class Scripts:
    """A ``ScriptRunner``. Close it (or use it in a ``with``): no process of it is left then. Making one starts nothing."""

    def __init__(self, limits: ScriptLimits, processes: int = 2) -> None:
        self._limits = limits
        self._processes = processes
        self._places = threading.BoundedSemaphore(processes)
        self._lock = threading.Lock()
        self._idle: list[ScriptProcess] = []
        self._alive: set[ScriptProcess] = set()
        self._closed = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __call__(
        self, script: str, keys: Sequence[str], records: Sequence[Record], cancellation: Cancellation | None = None
    ) -> list[RecordChange | None]:
        """Return what ``script`` changes of each record (``core.scripts.ScriptRunner``).

        Records go out in requests of as many as a preview has; surroundings that the script has changed do not outlive a request.
        """
        changes: list[RecordChange | None] = []
        shown = [self._frame(record, keys) for record in records]
        while len(changes) < len(records):
            if cancellation is not None:
                cancellation.check()
            start = len(changes)
            stop = start + self._fitting(shown[start:])
            changes.extend(
                self._run([self._head(script, stop - start), *shown[start:stop]], records[start:stop], cancellation)
            )
        return changes

    def pids(self) -> tuple[int, ...]:
        """Return the ids of the processes that are alive now."""
        with self._lock:
            return tuple(process.pid for process in self._alive if process.is_alive)

    def close(self) -> None:
        """End every process, whatever it is doing; scripts under way end as ``UNAVAILABLE``."""
        with self._lock:
            self._closed = True
            alive, idle = list(self._alive), list(self._idle)
            self._idle.clear()
            self._alive.difference_update(idle)
        for process in alive:
            process.kill()
        for process in idle:
            process.close()

    def _run(
        self, frames: list[bytes], records: Sequence[Record], cancellation: Cancellation | None
    ) -> list[RecordChange | None]:
        if not self._places.acquire(timeout=_WAIT_SECONDS):
            raise Problem(Code.UNAVAILABLE, f"{self._processes} scripts are being run already; try again in a moment")
        try:
            return self._asked(frames, records, cancellation)
        finally:
            self._places.release()

    def _head(self, script: str, records: int) -> bytes:
        limits = self._limits
        head = {
            "script": script,
            "records": records,
            "call_seconds": limits.call_seconds,
            "request_seconds": limits.request_seconds,
            "heap_bytes": limits.heap_bytes,
            "stack_bytes": limits.stack_bytes,
            "answer_characters": _ANSWER_CHARACTERS,
        }
        return _encoded(head)

    def _frame(self, record: Record, keys: Sequence[str]) -> bytes:
        frame = _encoded(_shown(record, keys))
        if len(frame) > _ANSWER_CHARACTERS:
            raise _of_record(record, f"it has more than {_ANSWER_CHARACTERS:,} characters, too many for a script")
        return frame

    def _fitting(self, frames: Sequence[bytes]) -> int:
        """Return how many of ``frames`` make one request: at least one."""
        count, size = 0, 0
        for frame in frames[: max(1, self._limits.preview_records)]:
            size += len(frame)
            if count and size > _REQUEST_BYTES:
                break
            count += 1
        return count

    def _asked(
        self, frames: list[bytes], records: Sequence[Record], cancellation: Cancellation | None
    ) -> list[RecordChange | None]:
        while True:
            process, is_new = self._take()
            changes: list[RecordChange | None] = []
            # The process counts its own time; ours also has what the machine does meanwhile.
            answers = process.ask(frames, 2 * self._limits.request_seconds + 2)
            forget = cancellation.on_stop(process.stop) if cancellation is not None else _nothing
            try:
                with closing(answers):
                    refusal = _read(answers, records, changes, sum(map(len, frames)) + _ANSWERS_BYTES)
            except (Gone, Late) as end:
                status = self._bury(process)
                if cancellation is not None:
                    cancellation.check()
                if self._closed:
                    raise _stopping() from None
                if isinstance(end, Gone) and not is_new and not changes and status not in _OUT_OF_TIME:
                    # It may have ended by itself just before: it only looks at records, so it is asked once more.
                    continue
                raise self._killed(records[len(changes)], end, status) from None
            except BaseException:
                self._bury(process)
                raise
            finally:
                forget()
            self._give_back(process)
            if refusal is not None:
                raise refusal
            return changes

    def _killed(self, record: Record, end: Gone | Late, status: int) -> Problem:
        _log.info("a script ended the process that ran it", status=status, record=record.id)
        if isinstance(end, Late):
            return _of_record(record, f"the script did not end within {self._limits.request_seconds:g} s")
        if status in _OUT_OF_TIME:
            return _of_record(record, f"it took longer than {round(self._limits.call_seconds * 1000)} ms")
        return _of_record(record, "the script ended the process that ran it: it takes too much memory, or worse")

    def _take(self) -> tuple[ScriptProcess, bool]:
        with self._lock:
            if self._closed:
                raise _stopping()
            while self._idle:
                process = self._idle.pop()
                if process.is_alive:
                    return process, False
                self._alive.discard(process)
                process.close()
            process = ScriptProcess(self._limits.heap_bytes, _ANSWER_CHARACTERS * 4)
            self._alive.add(process)
            return process, True

    def _give_back(self, process: ScriptProcess) -> None:
        with self._lock:
            if not self._closed:
                self._idle.append(process)
                return
        self._bury(process)

    def _bury(self, process: ScriptProcess) -> int:
        status = process.kill()
        process.close()
        with self._lock:
            self._alive.discard(process)
        return status


def _nothing() -> None:
    pass


def _stopping() -> Problem:
    return Problem(Code.UNAVAILABLE, "the server is stopping; try again later")


def _encoded(value: object) -> bytes:
    try:
        return msgspec.json.encode(value)
    except OverflowError:
        # A number of more than 64 bits.
        return json.dumps(value, ensure_ascii=False).encode()


def _shown(record: Record, keys: Sequence[str]) -> dict[str, Any]:
    """Return a record as listeners see it, with the fields ``keys``: what is kept of a removed field is nobody's business."""
    value_of = record.values.get
    cells = {key: {"value": value_of(key), "messages": (), "valid": True} for key in keys}
    for key, said in record.messages.items():
        if key in cells:
            messages = [_told(message) for message in said]
            cells[key] |= {"messages": messages, "valid": all(message["type"] != "error" for message in messages)}
    shown: dict[str, Any] = {"id": record.id, "values": cells, "valid": record.valid}
    return shown | {"metadata": record.metadata, "config": record.config}


def _told(message: Message) -> dict[str, str]:
    told = {"type": str(message.level), "source": str(message.source), "message": message.text}
    return told if message.path is None else {**told, "path": message.path}


def _read(
    answers: Iterator[bytes], records: Sequence[Record], changes: list[RecordChange | None], most: int
) -> Problem | None:
    """Put what is answered for ``records`` behind ``changes``; return why the script failed, if it did.

    Raises:
        Problem: an answer is not of the form of a record, or all of them have more than ``most`` bytes.
    """
    for record, frame in zip(records, answers, strict=False):
        most -= len(frame)
        if most < 0:
            raise _of_record(record, "the answers for all records of a request together are too long")
        kind, text = frame[:1], frame[1:]
        if kind == b"?":
            return script_problem(_words(text))
        if kind != b"=":
            return _of_record(record, _words(text))
        changes.append(_change(record, text))
    return None


def _words(text: bytes) -> str:
    """Return what a script says as text that can be kept and shown: what it says may be anything."""
    return "".join(letter if letter.isprintable() else " " for letter in text.decode("utf-8", "replace"))


def _change(record: Record, text: bytes) -> RecordChange | None:
    """Return what an answer changes of ``record``.

    Raises:
        Problem: it is not of the form of a record.
    """
    try:
        answer = msgspec.json.decode(text)
    except (msgspec.DecodeError, RecursionError):
        # Half characters too, which JSON can have and text cannot.
        raise _of_record(record, "its answer cannot be read") from None
    if b"\\u0000" in text and _has_nul(answer):
        raise _of_record(record, "its answer has a character of code 0, which no record can have")
    if not isinstance(answer, dict) or not isinstance(answer.get("values"), dict):
        raise _of_record(record, "its answer is no record")
    if answer.get("id", record.id) != record.id:
        raise _of_record(record, "it answers with the id of another record")
    value_of = record.values.get
    values = {
        key: value
        for key, value in answer["values"].items()
        if not _same(value_of(key), None if value == "" else value)
    }
    documents: dict[str, Mapping[str, Json] | None] = {}
    for name, before in (("metadata", record.metadata), ("config", record.config)):
        after = answer.get(name)
        if after is not None and not isinstance(after, dict):
            raise _of_record(record, f"its answer's {name} is no object")
        documents[name] = None if after is None or _same(before, after) else after
    if not values and documents == {"metadata": None, "config": None}:
        return None
    return RecordChange(record.id, values, metadata=documents["metadata"], config=documents["config"])


def _has_nul(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_has_nul(item) for pair in value.items() for item in pair)
    return any(map(_has_nul, value)) if isinstance(value, list) else isinstance(value, str) and "\0" in value


def _same(before: Json, after: Json) -> bool:
    """Say whether a script left a value alone: scripts know numbers of 53 bits only, and true is not 1."""
    if type(before) is str:
        # What most values are; the rest is a little dearer.
        return before == after
    if isinstance(before, bool) or isinstance(after, bool) or before is None:
        return before is after
    if isinstance(before, int | float) and abs(before) >= _EXACT:
        return _rounded(before) == (_rounded(after) if isinstance(after, int | float) else after)
    if isinstance(before, dict) and isinstance(after, dict):
        return before.keys() == after.keys() and all(_same(before[key], after[key]) for key in before)
    if isinstance(before, list | tuple):
        return isinstance(after, list | tuple) and len(before) == len(after) and all(map(_same, before, after))
    return before == after


def _rounded(number: float) -> float | None:
    try:
        return float(number)
    except OverflowError:
        # More than any number there: infinite, of which JSON makes null.
        return None


def _of_record(record: Record, words: str) -> Problem:
    return script_problem(f"record {record.id}: {words}")
