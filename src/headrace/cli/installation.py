"""``headrace workers`` and ``headrace audit``: who works, and who did what."""

from headrace.cli import listing
from headrace.cli.listing import Listing
from headrace.cli.options import At
from headrace.cli.output import Cell, Column, Output, Row, moment, number, shown
from headrace.core.native.installation import AuditLine, ListAudit, WorkerLine
from headrace.core.native.operation import Nothing
from headrace.core.native.table import LIST_AUDIT, LIST_WORKERS

_SIGNS = {"alive": ("✓", "good"), "dead": ("✗", "bad"), "stopped": ("–", "faint")}


def _worker_row(line: WorkerLine) -> Row:
    sign, tone = _SIGNS.get(line.status, ("·", ""))
    status = Cell(f"{sign} {line.status}", tone)
    if line.late and line.status == "alive":
        status = Cell("! late", "warn")
    return (
        line.id,
        status,
        line.host,
        str(line.pid),
        number(line.running),
        moment(line.started_at),
        moment(line.heartbeat_at),
        ", ".join(line.activities),
    )


_WORKERS = Listing(
    (
        Column("worker", whole=True),
        Column("status", whole=True),
        Column("host", spare=2),
        Column("pid", right=True, spare=3),
        Column("running", right=True),
        Column("started", whole=True, spare=4),
        Column("heartbeat", whole=True, spare=1),
        Column("does", spare=5),
    ),
    _worker_row,
    "no workers; headrace serve or headrace worker starts some",
)


def show_workers(at: At, output: Output) -> int:
    """List workers, the living ones first."""
    return listing.show(at, output, (LIST_WORKERS, Nothing()), _WORKERS)


def _audit_row(line: AuditLine) -> Row:
    details = " ".join(f"{name}={shown(value)}" for name, value in line.details.items())
    return (moment(line.at), line.who, line.action, line.object, line.scope or "-", details)


_AUDIT = Listing(
    (
        Column("at", whole=True),
        Column("who"),
        Column("action"),
        Column("object"),
        Column("scope", spare=1),
        Column("details", spare=2),
    ),
    _audit_row,
    "nothing was done",
)


def show_audit(at: At, output: Output, asked: ListAudit, *, every_page: bool = False) -> int:
    """List who did what, newest first."""
    return listing.show(at, output, (LIST_AUDIT, asked), _AUDIT, every_page=every_page)
