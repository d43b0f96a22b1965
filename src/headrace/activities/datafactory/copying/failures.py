"""What is wrong with a copy, in the words of the contract (9.10)."""

import re
from collections.abc import Mapping
from types import MappingProxyType

from headrace.activities.datafactory.words import ACCESS_DENIED
from headrace.core.errors import BLAME, Blame, Code, Problem
from headrace.core.outcome import Failure
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem

FAILED = "2200"
"""The ``errorCode`` of every copy that failed, whatever was wrong."""
INNER_CODES: Mapping[Reason, str] = MappingProxyType(
    {
        Reason.COLUMN_NAME_EMPTY: "DelimitedTextColumnNameNotAllowNull",
        Reason.MORE_CELLS_THAN_COLUMNS: "DelimitedTextMoreColumnsThanDefined",
        Reason.UNREADABLE: "UserErrorInvalidDataFormat",
        Reason.OBJECT_NOT_FOUND: "UserErrorSourceBlobNotExist",
        Reason.FILE_NOT_FOUND: "UserErrorFileNotFound",
        Reason.ACCESS_DENIED: ACCESS_DENIED,
        Reason.INVALID_FILE_NAME: "UserErrorInvalidFileName",
        Reason.STORE_FAILED: "UserErrorFailedFileOperation",
        Reason.WILDCARD_SINK: "WildcardPathSinkNotSupported",
        Reason.CONNECT_FAILED: "SqlFailedToConnect",
        Reason.DATABASE_DENIED: "SqlUnauthorizedAccess",
        Reason.STATEMENT_FAILED: "SqlOperationFailed",
        Reason.QUERY_INVALID: "SqlInvalidDbQueryString",
        Reason.PROCEDURE_INVALID: "SqlInvalidDbStoredProcedure",
        Reason.COLUMN_UNKNOWN: "SqlInvalidColumnName",
        Reason.VALUE_TOO_LONG: "SqlBulkCopyInvalidColumnLength",
        Reason.BATCH_TIMEOUT: "SqlBatchWriteTimeout",
        Reason.PARTITION_COLUMN_UNKNOWN: "SqlParallelFailedToDetectPartitionColumn",
        Reason.TYPE_UNKNOWN: "SqlAutoCreateTableTypeMapFailed",
        Reason.DUPLICATE_KEY: "SqlOperationFailed",
        Reason.CONSTRAINT: "SqlOperationFailed",
        Reason.ODBC_QUERY_INVALID: "UserErrorOdbcInvalidQueryString",
        Reason.SOURCE_CHANGED: "DataConsistencySourceDataChanged",
        Reason.INCONSISTENT: "DataConsistencyVerificationFailed",
        Reason.VALUE_INVALID: "UserErrorInvalidDataValue",
        Reason.REST_CLIENT_ERROR: "RestCallFailedWithClientError",
        Reason.HTTP_CLIENT_ERROR: "HttpRequestFailedWithClientError",
        Reason.DELETE_UNSUPPORTED: "DeleteFilesAfterCompletionNotSupportedForTabularData",
        Reason.REQUEST_INVALID: "UserErrorInvalidCopySettings",
    }
)
"""The inner ``ErrorCode`` of each reason."""
PASSED_ON = frozenset(
    {Code.CANCELLED, Code.TIMED_OUT, Code.FENCED, Code.EXPRESSION_SYNTAX, Code.EXPRESSION_TYPE, Code.UNKNOWN_FUNCTION}
)
"""Problems that are not the copy's own, and that the engine has its own words for."""
_SIDES = {
    Side.SOURCE: "Failure happened on 'Source' side. ",
    Side.SINK: "Failure happened on 'Sink' side. ",
    Side.NEITHER: "",
}
_BLAMED = {Blame.SOURCE: Side.SOURCE, Blame.TARGET: Side.SINK}
_AT_SINK: Mapping[Code, Code] = MappingProxyType(
    {
        Code.SOURCE_NOT_FOUND: Code.TARGET_MISMATCH,
        Code.SOURCE_UNAUTHENTICATED: Code.TARGET_DENIED,
        Code.SOURCE_DENIED: Code.TARGET_DENIED,
        Code.SOURCE_UNAVAILABLE: Code.TARGET_UNAVAILABLE,
        Code.SOURCE_TIMEOUT: Code.TARGET_UNAVAILABLE,
    }
)
"""What is written to is met through the same stores and databases as what is read: whose it is to act hangs on the side."""


def inner_code(reason: Reason) -> str:
    """Return what a reason is called, in messages and in logs."""
    return INNER_CODES[reason]


def code_of(problem: Problem) -> str:
    """Return the inner ``ErrorCode`` of a problem: its reason's, or one made of its code."""
    if isinstance(problem, TransferProblem):
        return INNER_CODES[problem.reason]
    words = "".join(word.capitalize() for word in problem.code.value.split("_"))
    return f"{'SystemError' if BLAME[problem.code] is Blame.PLATFORM else 'UserError'}{words}"


def failure_of(problem: Problem, label: str = FAILED) -> Failure:
    """Return the failure of a copy, or of an activity with an error code of its own, that ``problem`` stopped."""
    side = problem.side if isinstance(problem, TransferProblem) else _BLAMED.get(BLAME[problem.code], Side.NEITHER)
    code = _AT_SINK.get(problem.code, problem.code) if side is Side.SINK else problem.code
    return Failure(code, message_of(code_of(problem), side, problem.message), label=label)


def message_of(code: str, side: Side, text: str) -> str:
    """Return the whole text of a failure."""
    said = re.sub(r"\s*[\r\n]+\s*", " ", text)
    return (
        f"{_SIDES[side]}ErrorCode={code},'Type=Microsoft.DataTransfer.Common.Shared.HybridDeliveryException,"
        f"Message={said},Source=Microsoft.DataTransfer.Common,'"
    )
