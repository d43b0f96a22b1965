"""The process that answers questions about sources and data (``core.explore``), one at a time.

It reads questions from its standard input and writes answers to what was its standard output, one JSON document a line;
``bootstrap.exploring`` is the other end. What it looks into may be hostile, so it has a memory of its own, ends with its question when that takes
too long, and ends when nobody is there to ask it any more.
"""

import faulthandler
import json
import os
import queue
import resource
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, BinaryIO

import structlog

from headrace.bootstrap.application import Application, open_application
from headrace.bootstrap.exploring import Asked, Bounds, Told
from headrace.bootstrap.language import mapping_language
from headrace.config import load
from headrace.core.codec import decode, encode
from headrace.core.errors import Code, Problem
from headrace.core.explore import (
    Check,
    Folder,
    ListPlaces,
    Peek,
    PeekFile,
    PeekLake,
    PeekTable,
    Places,
    TryMapping,
    Where,
)
from headrace.core.mapping import MappingLanguage
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.exploring import files, lake, mappings, tables
from headrace.dataplane.exploring.opening import Opening
from headrace.dataplane.limits import Limits
from headrace.dataplane.storage import Roots

MEMORY_BYTES = 3 << 30
"""Memory that the process may claim, the untouched stacks of its threads among it; more of it is refused to it."""
QUESTION_MEMORY = "256MB"
"""Memory that DuckDB may use for one question."""
CONNECT_SECONDS = 30.0
"""Longest wait for a source to accept a connection (7.8 of the Flow Service contract)."""
STATEMENT_SECONDS = 45.0
"""Longest that a database may take for a statement."""
_FILE_KINDS = frozenset({"s3", "azure", "gcs", "sftp", "ftp"})
_SPARE_SECONDS = 5.0
_IN, _OUT, _ERRORS = 0, 1, 2

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Desk:
    """What answering needs: the installation's folders, those of a scope, its connections (looked at by the guard), limits, the language."""

    roots: Roots
    roots_of: Callable[[str], Roots]
    connect: Callable[[str, str], ConnectionInfo]
    limits: Limits
    language: MappingLanguage

    def __call__(self, question: Any, /) -> Any:
        """Answer within this process, as an ``Explorer`` does.

        Raises:
            Problem: whatever the source, or what was asked, has to say.
        """
        match question:
            case TryMapping():
                return mappings.try_mapping(question, self.language, self.limits)
            case PeekLake():
                return lake.peek_lake(question, self.roots, self.limits)
            case _:
                return self._of_source(question, self._opened(question.where))

    def _of_source(self, question: Check | ListPlaces | PeekFile | PeekTable, opened: Opening) -> Places | Peek:
        is_files = opened.info is None or opened.info.kind in _FILE_KINDS
        match question:
            case Check(where):
                return files.check(where, opened) if is_files else tables.check(where, opened)
            case ListPlaces():
                return files.list_places(question, opened) if is_files else tables.list_places(question, opened)
            case PeekFile():
                return files.peek_file(question, opened)
            case PeekTable():
                return tables.peek_table(question, opened)

    def _opened(self, where: Where) -> Opening:
        roots = self.roots_of(where.scope)
        if isinstance(where, Folder):
            return Opening(None, where.root, roots, self.limits)
        info = self.connect(where.scope, where.connection)
        if info.kind == "local":
            return Opening(None, info.url, roots, self.limits)
        return Opening(info, "", roots, self.limits)


def make_desk(application: Application) -> Desk:
    """Return what answers questions of an installation, in this process."""
    limits = replace(
        application.limits,
        memory_limit=QUESTION_MEMORY,
        threads=1,
        connect_timeout_seconds=CONNECT_SECONDS,
        statement_timeout_seconds=STATEMENT_SECONDS,
    )
    return Desk(application.roots, application.roots_of, application.connect, limits, mapping_language())


def main() -> None:
    """Answer until nobody asks any more."""
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    questions, answers = _take_pipes()
    waiting: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    threading.Thread(target=_listen, args=(questions, waiting), name="headrace-questions", daemon=True).start()
    line = waiting.get()
    try:
        application = open_application(load())
    except Problem as problem:
        _write(answers, {"problem": encode(Told(problem.code, problem.message, problem.fields))})
        return
    with application:
        desk = make_desk(application)
        while True:
            # Whatever holds this process up, also in a library that never comes back: it ends.
            faulthandler.dump_traceback_later(Bounds().patience_seconds + _SPARE_SECONDS, exit=True)
            _write(answers, _reply(desk, line))
            faulthandler.cancel_dump_traceback_later()
            line = waiting.get()


def _reply(desk: Desk, line: bytes) -> dict[str, Any]:
    try:
        asked = decode(Asked, json.loads(line), what="a question")
        return {"answer": encode(desk(asked.question))}
    except Problem as problem:
        told = problem
    except MemoryError:
        told = Problem(Code.LIMIT_EXCEEDED, "looking into the source takes more memory than a question may have")
    except Exception as error:  # noqa: BLE001 — the edge of the process: a bug must not end it, and its trace is for the log
        _log.error("a question failed unexpectedly", trace="".join(traceback.format_exception(error)))
        told = Problem(Code.INTERNAL, "an unexpected failure")
    return {"problem": encode(Told(told.code, told.message, told.fields))}


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    """Return the pipes to the other end; what libraries print goes to standard error from here on."""
    questions, answers = os.fdopen(os.dup(_IN), "rb"), os.fdopen(os.dup(_OUT), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, _IN)
    os.close(nothing)
    os.dup2(_ERRORS, _OUT)
    return questions, answers


def _listen(questions: BinaryIO, waiting: "queue.SimpleQueue[bytes]") -> None:
    for line in questions:
        waiting.put(line)
    # The other end is gone: whatever is being looked into, nobody wants to know.
    os._exit(0)


def _write(answers: BinaryIO, reply: dict[str, Any]) -> None:
    # Half characters, which file names can have, are no text that JSON could carry on.
    answers.write(json.dumps(reply, ensure_ascii=False).encode("utf-8", "replace") + b"\n")
    answers.flush()
