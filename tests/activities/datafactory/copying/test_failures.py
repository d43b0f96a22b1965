"""Failures of copies in the words of the contract."""

import pytest

from headrace.activities.datafactory.copying.failures import INNER_CODES, code_of, failure_of
from headrace.core.errors import Blame, Code, Problem
from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem

CONTRACT = """DelimitedTextColumnNameNotAllowNull, DelimitedTextMoreColumnsThanDefined, UserErrorSourceBlobNotExist, UserErrorFileNotFound,
WildcardPathSinkNotSupported, SqlFailedToConnect, SqlOperationFailed, SqlUnauthorizedAccess, SqlInvalidDbQueryString, SqlInvalidDbStoredProcedure,
SqlInvalidColumnName, SqlBulkCopyInvalidColumnLength, SqlBatchWriteTimeout, SqlParallelFailedToDetectPartitionColumn, SqlAutoCreateTableTypeMapFailed,
UserErrorOdbcInvalidQueryString, DataConsistencySourceDataChanged, UserErrorInvalidDataValue, RestCallFailedWithClientError,
HttpRequestFailedWithClientError"""


def test_every_reason_has_its_inner_code() -> None:
    """None is forgotten, and those of the contract all occur."""
    assert set(INNER_CODES) == set(Reason)
    assert set(CONTRACT.replace("\n", " ").replace(" ", "").split(",")) <= set(INNER_CODES.values())


@pytest.mark.parametrize(
    ("side", "prefix"),
    [
        (Side.SOURCE, "Failure happened on 'Source' side. "),
        (Side.SINK, "Failure happened on 'Sink' side. "),
        (Side.NEITHER, ""),
    ],
)
def test_the_message_names_the_side_the_code_and_what_is_wrong(side: Side, prefix: str) -> None:
    """In one line, as clients take it apart."""
    failure = failure_of(TransferProblem(Reason.VALUE_INVALID, side, "row 3:\n 'x' is no Int32"))
    assert failure.label == "2200"
    assert failure.message == (
        f"{prefix}ErrorCode=UserErrorInvalidDataValue,'Type=Microsoft.DataTransfer.Common.Shared.HybridDeliveryException,"
        "Message=row 3: 'x' is no Int32,Source=Microsoft.DataTransfer.Common,'"
    )


@pytest.mark.parametrize(
    ("code", "inner", "blame"),
    [
        (Code.LIMIT_EXCEEDED, "UserErrorLimitExceeded", Blame.YOURS),
        (Code.DISK_FULL, "SystemErrorDiskFull", Blame.PLATFORM),
        (Code.SOURCE_UNAVAILABLE, "UserErrorSourceUnavailable", Blame.SOURCE),
    ],
)
def test_what_is_no_reason_of_a_transfer_has_a_code_all_the_same(code: Code, inner: str, blame: Blame) -> None:
    """The platform's own failures are the system's."""
    problem = Problem(code, "no")
    assert code_of(problem) == inner
    assert failure_of(problem).blame is blame


@pytest.mark.parametrize(
    "code",
    [
        Code.SOURCE_NOT_FOUND,
        Code.SOURCE_UNAUTHENTICATED,
        Code.SOURCE_DENIED,
        Code.SOURCE_UNAVAILABLE,
        Code.SOURCE_TIMEOUT,
    ],
)
def test_a_sink_that_fails_is_the_targets_affair(code: Code) -> None:
    """The same store says the same on both sides; who reads of it must look at the right one."""
    told = {
        side: failure_of(TransferProblem(Reason.CONNECT_FAILED, side, "no", code)) for side in (Side.SINK, Side.SOURCE)
    }
    assert told[Side.SINK].blame is Blame.TARGET
    assert told[Side.SOURCE].blame is Blame.SOURCE
    assert "'Sink' side" in told[Side.SINK].message
