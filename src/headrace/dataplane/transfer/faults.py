"""What can be wrong with a transfer: the reason, and the side that it happened on. Doors have their own words for each reason."""

from enum import StrEnum

from headrace.core.errors import Code, Problem


class Side(StrEnum):
    """Where it happened."""

    SOURCE = "source"
    SINK = "sink"
    NEITHER = "neither"
    """The request itself is at fault."""


class Reason(StrEnum):
    """What is wrong."""

    COLUMN_NAME_EMPTY = "column_name_empty"
    MORE_CELLS_THAN_COLUMNS = "more_cells_than_columns"
    UNREADABLE = "unreadable"
    """The bytes are not what the format says."""
    OBJECT_NOT_FOUND = "object_not_found"
    """In an object store."""
    FILE_NOT_FOUND = "file_not_found"
    """In a file system or on an SFTP server."""
    ACCESS_DENIED = "access_denied"
    INVALID_FILE_NAME = "invalid_file_name"
    STORE_FAILED = "store_failed"
    """A file store cannot be reached, or broke off."""
    WILDCARD_SINK = "wildcard_sink"
    CONNECT_FAILED = "connect_failed"
    """A database cannot be reached."""
    DATABASE_DENIED = "database_denied"
    STATEMENT_FAILED = "statement_failed"
    QUERY_INVALID = "query_invalid"
    PROCEDURE_INVALID = "procedure_invalid"
    COLUMN_UNKNOWN = "column_unknown"
    VALUE_TOO_LONG = "value_too_long"
    BATCH_TIMEOUT = "batch_timeout"
    PARTITION_COLUMN_UNKNOWN = "partition_column_unknown"
    TYPE_UNKNOWN = "type_unknown"
    """A table cannot be made: no type of the database holds a column."""
    DUPLICATE_KEY = "duplicate_key"
    CONSTRAINT = "constraint"
    """A row breaks a rule of the sink's table."""
    ODBC_QUERY_INVALID = "odbc_query_invalid"
    SOURCE_CHANGED = "source_changed"
    INCONSISTENT = "inconsistent"
    """What was written is not what was read."""
    VALUE_INVALID = "value_invalid"
    """A value does not convert to the sink's type."""
    REST_CLIENT_ERROR = "rest_client_error"
    HTTP_CLIENT_ERROR = "http_client_error"
    DELETE_UNSUPPORTED = "delete_unsupported"
    """Source files are deleted after bytes were copied, not after rows were."""
    REQUEST_INVALID = "request_invalid"
    """Settings that contradict each other, or that nothing here can do."""


class TransferProblem(Problem):
    """A ``Problem`` with its ``reason`` and ``side``."""

    def __init__(self, reason: Reason, side: Side, message: str, code: Code = Code.INVALID) -> None:
        super().__init__(code, message)
        self.reason = reason
        self.side = side

    def __reduce__(self) -> tuple[type["TransferProblem"], tuple[object, ...]]:
        """Keep it whole when it crosses a process boundary."""
        return type(self), (self.reason, self.side, self.message, self.code)
