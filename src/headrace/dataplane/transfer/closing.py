"""The end of a transfer, good or bad: logs and quarantine of all tries together, and the report."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path

from headrace.core.crashpoints import crash_point
from headrace.core.errors import Problem
from headrace.core.outcome import Figures
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.writing import PART, PutOptions
from headrace.dataplane.transfer.conducting import digest
from headrace.dataplane.transfer.faults import Side
from headrace.dataplane.transfer.journal import Journal, Skipped
from headrace.dataplane.transfer.means import Means
from headrace.dataplane.transfer.places import on_side, open_place
from headrace.dataplane.transfer.refusing import logs
from headrace.dataplane.transfer.refusing.quarantine import write_quarantine
from headrace.dataplane.transfer.refusing.spool import Kept, read, sums
from headrace.dataplane.transfer.report import Durations, Told, TransferReport
from headrace.dataplane.transfer.request import Bytes, FilesSink, FilesSource, LogPlace, Transfer
from headrace.dataplane.transfer.rows import Working
from headrace.dataplane.transfer.tally import Tally

_MOST_FILES = 1_000


@dataclass
class Closing:
    """What is left to do when a transfer has ended."""

    request: Transfer
    means: Means
    journal: Journal
    tally: Tally
    work: Working

    def close(self, cancellation: Cancellation) -> TransferReport:
        """Put logs and quarantine in their places, and return the report.

        Raises:
            TransferProblem: a log cannot be written. Problem: ``DISK_FULL``, what the cancellation says.
        """
        report = self._report()
        log, redirect = self._log(cancellation, ()), self._redirect(cancellation, ())
        diagnostics = self._quarantine()
        crash_point("transfer-after-logs")
        return replace(report, log_path=log, redirect_path=redirect, diagnostics=diagnostics)

    def close_failed(self, cancellation: Cancellation) -> TransferReport:
        """Do what ``close`` does after a failure. What goes wrong here, too, is told in the report: it is not why the transfer failed."""
        report, broken = self._report(), self._broken()
        try:
            report = replace(report, log_path=self._log(cancellation, broken))
            report = replace(report, redirect_path=self._redirect(cancellation, broken))
            report = replace(report, diagnostics=self._quarantine())
        except Problem as problem:
            report = replace(report, told=(*report.told, Told("log", problem.message)))
        return report

    def _report(self) -> TransferReport:
        done, tally = list(self.journal.counted.values()), self.tally
        skipped = self._skipped()
        figures = self._figures()
        told = [Told(one.reason, f"{one.path}: {one.message}") for one in skipped[:100]]
        files = [file for unit in done for file in unit.files]
        total = tally.total
        spent = {kind: min(seconds, total) for kind, seconds in tally.seconds.items()}
        return TransferReport(
            figures=figures,
            files_skipped=len(skipped),
            parallel=max(tally.sources.peak, tally.sinks.peak, 1),
            source_peak=max(tally.sources.peak, 1),
            sink_peak=max(tally.sinks.peak, 1),
            durations=Durations(
                total=total,
                listing=spent.get("listing", 0.0),
                first_byte=tally.first_byte or 0.0,
                reading=spent.get("reading", 0.0),
                writing=spent.get("writing", 0.0),
                before=spent.get("before", 0.0),
            ),
            consistency="verified" if self.request.tolerance.verify else "",
            inconsistent=self._inconsistent(skipped),
            resumed=len([name for name in self.journal.counted if name in self.journal.earlier]),
            told=tuple(told),
            rejects=sums(one for unit in done for one in unit.rejects),
            files=tuple(files[:_MOST_FILES]),
        )

    def _figures(self) -> Figures:
        """Return the figures, with noughts where there was nothing to be counted."""
        request = self.request
        zero = Figures(bytes_read=0, bytes_written=0)
        if isinstance(request.source, FilesSource):
            zero = replace(zero, files_read=0)
        if isinstance(request.sink, FilesSink):
            zero = replace(zero, files_written=0)
        if not self._is_bytes:
            zero = replace(zero, rows_read=0, rows_accepted=0, rows_rejected=0)
        return zero.plus(self.tally.figures)

    @property
    def _is_bytes(self) -> bool:
        return isinstance(self.request.source, FilesSource) and isinstance(self.request.source.format, Bytes)

    def _skipped(self) -> list[Skipped]:
        """Return the files that were left out, without those that a later try has copied after all."""
        copied = {path for done in self.journal.counted.values() for path in done.paths}
        return [one for one in self.journal.skipped.values() if one.path not in copied]

    def _inconsistent(self, skipped: list[Skipped]) -> str:
        if not self.request.tolerance.verify:
            return ""
        return "skipped" if any(one.reason == "inconsistent" for one in skipped) else "none"

    def _broken(self) -> tuple[Path, ...]:
        """Return the spools that this try left of units that it did not finish, the newest of each."""
        named = {done.spool for done in self.journal.counted.values()}
        found: dict[str, Path] = {}
        for path in sorted(self.journal.folder.glob(f"refused-*-{self.journal.tried}-*.ndjson")):
            if path.name not in named:
                found[path.name.rpartition("-")[0]] = path
        return tuple(found.values())

    def _rows(self, broken: Iterable[Path] = ()) -> Iterator[Kept]:
        """Yield the refused rows of finished units, in their order, and those in ``broken``."""
        for done in self.journal.counted.values():
            if done.spool:
                yield from read(self.journal.folder / done.spool)
        for path in broken:
            yield from read(path)

    def _quarantine(self) -> tuple[str, ...]:
        if not self.means.batch_id or not self.request.tolerance.skip_rows:
            return ()
        return write_quarantine(self._rows, self.means.roots, self.means.batch_id)

    def _log(self, cancellation: Cancellation, broken: Iterable[Path]) -> str:
        log = self.request.tolerance.log
        if log is None:
            return ""
        folder = logs.log_folder(log.to.path, self.request.activity, self.request.activity_run)
        path = self.work.folder / "session-log.csv"
        files = logs.lines(self.journal.counted.values(), self._skipped(), everything=log.everything)
        rows = (logs.row_line(kept, self.means.words) for kept in self._rows(broken))
        logs.write_log(path, chain(files, rows))
        self._put(log.to, f"{folder}/{logs.file_name(self.work.key, 'log')}", path, cancellation)
        return f"{folder}/"

    def _redirect(self, cancellation: Cancellation, broken: Iterable[Path]) -> str:
        place = self.request.tolerance.redirect
        if place is None:
            return ""
        folder = logs.redirect_folder(place.path, self.request.activity_run)
        path = self.work.folder / "redirected.csv"
        if logs.write_redirect(path, self._rows(broken), self.means.words):
            self._put(place, f"{folder}/{logs.file_name(self.work.key, 'redirect')}", path, cancellation)
        return f"{folder}/"

    def _put(self, to: LogPlace, path: str, source: Path, cancellation: Cancellation) -> None:
        """Put a log in its place; what an earlier try began there and left is removed."""
        crash_point("transfer-before-log-put")
        above, slash, name = path.lstrip("/").rpartition("/")
        part = f"{PART}{digest(f'{self.work.key} {name}')}"
        store = open_place(to.place, self.work.file_roots, self.work.limits)
        forget = cancellation.on_stop(store.close)
        try:
            with on_side(to.place, Side.SINK):
                left = self.journal.told.get(f"part of {name}")
                if isinstance(left, str):
                    store.remove(left, cancellation)
                self.journal.tell(f"part of {name}", f"{above}{slash}{part}")
                store.put(f"{above}{slash}{name}", source, cancellation, PutOptions(part=part, durable=True))
        finally:
            forget()
            store.close()
