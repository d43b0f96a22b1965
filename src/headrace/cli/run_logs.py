"""``headrace runs logs``: what was logged while a run was done."""

import threading
from collections.abc import Mapping
from dataclasses import replace

from headrace.cli.desk import Desk, asking
from headrace.cli.options import At
from headrace.cli.output import Cell, Output, one_line, shown
from headrace.core.clock import to_datetime
from headrace.core.codec import Json
from headrace.core.native.runs import AskLogs, AskRun, LogLine
from headrace.core.native.table import RUN_LOGS, SHOW_RUN
from headrace.core.native.wire import to_wire

_TONES = {"debug": "faint", "warning": "warn", "error": "bad", "critical": "bad"}
_LOOK_SECONDS = 1.0


def show(at: At, asked: AskLogs, output: Output, *, follow: bool) -> int:
    """Print log lines, oldest first; with ``follow`` until the run has ended. As JSON each line is an object when they are followed."""
    with asking(at) as desk:
        if output.is_json and not follow:
            output.document(to_wire(desk.ask(RUN_LOGS, asked)))
            return 0
        # @latest may be another run before this one has ended.
        asked = replace(asked, run=desk.ask(SHOW_RUN, AskRun(run=asked.run)).run.id)
        printer = _Printer(output, desk, asked)
        # A run that had ended before the last lines were read has no more of them.
        while follow and not desk.ask(SHOW_RUN, AskRun(run=asked.run)).run.status.is_final:
            printer.print_new()
            printer.pause.wait(_LOOK_SECONDS)
        printer.print_new()
        if not follow and printer.more is not None:
            output.note(f"more: --after {printer.more}")
        if printer.dropped:
            output.note(f"{printer.dropped} further lines were not kept")
    return 0


class _Printer:
    def __init__(self, output: Output, desk: Desk, asked: AskLogs) -> None:
        self.output, self.desk, self.asked = output, desk, asked
        self.pause = threading.Event()
        self.more: int | None = None
        self.dropped = 0
        self._after = asked.after

    def print_new(self) -> None:
        """Print what has come since."""
        told = self.desk.ask(RUN_LOGS, replace(self.asked, after=self._after))
        for line in told.items:
            self._after = line.number
            self._print(line)
        self.more, self.dropped = told.next, told.dropped

    def _print(self, line: LogLine) -> None:
        if self.output.is_json:
            self.output.line(to_wire(line))
            return
        time = to_datetime(line.at).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3] + "Z"
        where = f"  {line.activity}{f' ({line.attempt})' if line.attempt > 1 else ''}" if line.activity else ""
        level = self.output.paint(Cell(f"{line.level:<8}", _TONES.get(line.level, "")))
        self.output.say(f"{time}  {level}{one_line(where)}  {one_line(line.message)}{_fields(line.fields)}".rstrip())


def _fields(fields: Mapping[str, Json]) -> str:
    words = " ".join(f"{one_line(name)}={shown(value)}" for name, value in fields.items())
    return f"  {words}" if words else ""
