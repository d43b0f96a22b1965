"""The columns of a table, for whoever asks for them without its rows."""

from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.limits import Limits
from headrace.dataplane.transfer.databases.links.opening import open_link
from headrace.dataplane.transfer.databases.troubles import told
from headrace.dataplane.transfer.faults import Side
from headrace.dataplane.transfer.values import Field


def describe_table(
    connection: ConnectionInfo, schema: str, table: str, limits: Limits, cancellation: Cancellation
) -> tuple[Field, ...] | None:
    """Return all columns of a table, those included that take no values; None: there is no such table. ``schema`` may be empty.

    Raises:
        TransferProblem: ``CONNECT_FAILED``, ``DATABASE_DENIED``.
    """
    with told(Side.SOURCE), open_link(connection, limits, cancellation) as link:
        found = link.table(schema, table)
    return None if found is None else tuple(column.field for column in found.columns)
