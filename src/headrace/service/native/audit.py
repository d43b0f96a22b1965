"""The audit: who did what. What concerns the installation as a whole is for those who may see everything."""

from collections.abc import Callable, Mapping
from typing import Any

from headrace.core.client import Identity
from headrace.core.native.installation import AuditLine, AuditList, ListAudit
from headrace.core.query import Cursor
from headrace.service.native.desk import NativeDesk
from headrace.service.native.reach import patterns
from headrace.store import audit
from headrace.store.audit import AuditEntry, AuditQuery


def list_audit(desk: NativeDesk, caller: Identity, asked: ListAudit) -> AuditList:
    """Return a page of entries, newest first. It may be shorter than its limit and still have a next one.

    Raises:
        Problem: ``INVALID``: the limit or the cursor; ``NOT_FOUND``: the scope.
    """
    query = AuditQuery(
        patterns=patterns(caller, asked.scope),
        who=asked.who,
        action=asked.action,
        object=asked.object,
        since=asked.since,
        until=asked.until,
    )
    cursor = None if asked.cursor is None else Cursor.parse(asked.cursor)
    with desk.database.reading() as tx:
        page = audit.search(tx, query, asked.limit, cursor)
    return AuditList(items=tuple(map(_line, page.items)), next=None if page.next is None else page.next.token())


def _line(entry: AuditEntry) -> AuditLine:
    return AuditLine(
        id=entry.id,
        at=entry.at,
        who=entry.who,
        action=entry.action,
        object=entry.object,
        scope=entry.scope,
        details=entry.details,
    )


FUNCTIONS: Mapping[str, Callable[..., Any]] = {"audit.list": list_audit}
"""By the operation's name."""
