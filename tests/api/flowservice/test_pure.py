"""The pure parts: etags, patches, filters, schemas, mappings, codes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headrace.api.flowservice.errors import FAULT_OF, Fault, Refusal
from headrace.api.flowservice.etags import etag_of
from headrace.api.flowservice.patches import apply_patch, read_patch
from headrace.api.flowservice.translate.codes import count_by_code, reject_code, row_code
from headrace.api.flowservice.translate.expressions import check_expression
from headrace.api.flowservice.translate.mapping import expressions, read_mapping_set
from headrace.api.flowservice.translate.plan import reject_rule
from headrace.api.flowservice.translate.rejects import samples, translate_lines
from headrace.api.flowservice.translate.schema import is_open, read_schema
from headrace.api.flowservice.translate.source import read_files, read_format
from headrace.api.flowservice.wire import instant
from headrace.core.clock import Instant
from headrace.core.errors import Code
from headrace.core.outcome import CodeSet, ReasonCount
from headrace.core.run import RejectCode
from headrace.core.schema import Kind
from headrace.core.source import Compression, Encoding


def test_every_code_has_its_answer() -> None:
    """A problem of any code is answered in the dialect, and only our own failures are 5xx."""
    assert set(FAULT_OF) == set(Code)
    ours = {code for code in Code if FAULT_OF[code].status >= 500}
    assert Code.INVALID not in ours
    assert {Code.INTERNAL, Code.UNAVAILABLE} <= ours


def test_every_reason_has_its_code() -> None:
    """Row codes are the middle number, or the whole code of the DCVS family."""
    assert {reject_code(code, mapped=True) for code in RejectCode} == {
        *("INGEST-1401-400", "INGEST-1555-400", "MAPPER-3700-400"),
        *("DCVS-1103-400", "DCVS-1105-400", "DCVS-1111-400"),
    }
    assert reject_code(RejectCode.TYPE, mapped=False) == "DCVS-1104-400"
    assert [row_code(code, mapped=True) for code in ("required", "pattern")] == ["1555", "DCVS-1103-400"]


def test_a_row_counts_once_under_each_distinct_code() -> None:
    """Two columns, or two rules of one code of the dialect, are one count; a row with two codes counts under both."""
    reasons = [ReasonCount("enum", "a", 2, ""), ReasonCount("minimum", "a", 2, ""), ReasonCount("required", "b", 3, "")]
    sets = [CodeSet(("enum", "minimum"), 2), CodeSet(("required",), 2), CodeSet(("enum", "required"), 1)]
    counts = {one.code: one.count for one in count_by_code(reasons, 5, mapped=True, sets=sets)}
    assert counts == {"DCVS-1111-400": 3, "INGEST-1555-400": 3}


def test_etags_have_the_published_form() -> None:
    """And change with each revision, also within a second."""
    first, second = (etag_of("f", revision, Instant(1651587224_000000)) for revision in (1, 2))
    assert first[9:] == second[9:] == '-0000-0200-0000-627138980000"'
    assert first != second
    assert len(first) == 38


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        ([{"op": "REPLACE", "path": "/a/b", "value": 2}], {"a": {"b": 2}, "c": [1, 2]}),
        ({"op": "add", "path": "/c/-", "value": 3}, {"a": {"b": 1}, "c": [1, 2, 3]}),
        ([{"op": "remove", "path": "/c/0", "value": 9}], {"a": {"b": 1}, "c": [2]}),
        ([{"op": "add", "path": "/x~1y", "value": 0}], {"a": {"b": 1}, "c": [1, 2], "x/y": 0}),
    ],
)
def test_a_patch_is_applied(patch: Any, expected: Any) -> None:
    """Operations in any case, a single one too, lists by position."""
    assert apply_patch({"a": {"b": 1}, "c": [1, 2]}, read_patch(patch)) == expected


@pytest.mark.parametrize(
    ("patch", "fault"),
    [
        ([], Fault.NO_BODY),
        ([{"op": "move", "path": "/a"}], Fault.PATCH_OPERATION),
        ([{"op": "replace", "path": "/z", "value": 1}], Fault.PATCH_PATH),
        ([{"op": "replace", "path": "/a/b/c", "value": 1}], Fault.PATCH_PATH),
        ([{"op": "add", "path": "/c/7", "value": 1}], Fault.PATCH_PATH),
        ([{"op": "add", "path": "a", "value": 1}], Fault.PATCH_PATH),
        ("x", Fault.BODY),
    ],
)
def test_a_patch_that_names_nothing_is_refused(patch: Any, fault: Fault) -> None:
    """Each mistake has its number."""
    with pytest.raises(Refusal) as caught:
        apply_patch({"a": {"b": 1}, "c": [1, 2]}, read_patch(patch))
    assert caught.value.fault is fault


@pytest.mark.parametrize("path", ["../x", "a/../../x", "a\\b", "\0"])
def test_a_path_cannot_leave_its_root(path: str) -> None:
    """Neither upwards nor in another system's notation."""
    with pytest.raises(Refusal):
        read_files({"params": {"path": path}}, "file:///allowed")


def test_a_format_is_read_in_both_of_its_forms() -> None:
    """The delimiter stands under properties, or directly under data in older clients."""
    properties = {"columnDelimiter": "\\t", "encoding": "iso-8859-1", "compressionType": "tarGzip"}
    new = read_format({"data": {"format": "delimited", "properties": properties}})
    old = read_format({"data": {"format": "delimited", "columnDelimiter": ";"}})
    assert (new.delimiter, new.encoding, new.compression) == ("\t", Encoding.ISO_8859_1, Compression.TAR_GZIP)
    assert (old.delimiter, old.compression) == (";", Compression.NONE)


def test_a_list_of_anything_is_json() -> None:
    """Items of no plain type, whatever stands there."""
    body = {"properties": {"a": {"type": "array", "items": {"type": []}}, "b": {"type": "array"}}}
    assert [column.type.kind for column in read_schema(body).columns] == [Kind.JSON, Kind.JSON]


def test_a_class_brings_its_fields() -> None:
    """An event needs its id and its time; a part that is not built in opens the schema."""
    event = {"allOf": [{"$ref": "https://ns.adobe.com/xdm/context/experienceevent"}]}
    opened = {"allOf": [*event["allOf"], {"$ref": "https://ns.adobe.com/xdm/mixins/anything"}]}
    required = [name for name, column in read_schema(event).by_name.items() if column.required]
    assert required == ["_id", "timestamp"]
    assert (is_open(event), is_open(opened)) == (False, True)


@pytest.mark.parametrize(
    ("mapping", "expression"),
    [
        ({"sourceType": "ATTRIBUTE", "source": "First Name"}, "${First Name}"),
        ({"sourceType": "ATTRIBUTE", "source": "or"}, "${or}"),
        ({"sourceType": "text/x.schema-path", "source": "a"}, "a"),
        ({"sourceType": "EXPRESSION", "source": "lower(a)"}, "lower(a)"),
        ({"sourceType": "STATIC", "source": 'say "hi"\\'}, '"say \\"hi\\"\\\\"'),
        ({"sourceAttribute": "Id"}, "Id"),
        ({"sourceAttribute": "upper(Id)"}, "upper(Id)"),
        ({"sourceAttribute": "First Name"}, "${First Name}"),
    ],
)
def test_a_mapping_becomes_an_expression(mapping: dict[str, str], expression: str) -> None:
    """Attributes are references whatever their name, static texts are literals, the rest is read as it is meant."""
    stored = read_mapping_set({"mappings": [{**mapping, "destination": "x"}]})
    assert expressions(stored["mappings"], check_expression) == {"x": expression}


@given(st.text(max_size=20))
def test_a_static_text_is_the_literal_text(text: str) -> None:
    """Whatever it has in it, it is parsed back as one literal and never evaluated."""
    stored = read_mapping_set({"mappings": [{"sourceType": "STATIC", "source": text, "destination": "x"}]})
    check_expression(expressions(stored["mappings"], check_expression)["x"])


def test_a_path_without_a_source_type_is_read_back_as_an_attribute() -> None:
    """Contract 8.2: the older form of a mapping names no type."""
    stored = read_mapping_set({"mappings": [{"sourceAttribute": "who.name", "destinationXdmPath": "x"}]})
    assert stored["mappings"][0]["sourceType"] == "text/x.schema-path"


def test_the_last_mapping_to_a_destination_wins() -> None:
    """And takes the last one's place."""
    both = [{"source": name, "destination": destination} for name, destination in (("a", "x"), ("b", "y"), ("c", "x"))]
    found = expressions(read_mapping_set({"mappings": both})["mappings"], check_expression)
    assert list(found.items()) == [("y", "b"), ("x", "c")]


@pytest.mark.parametrize(
    ("options", "percent", "diagnostics"),
    [
        ({}, 0.0, False),
        ({"partialIngestionPercent": "5"}, 5.0, True),
        ({"partialIngestionPercent": 5, "errorDiagnosticsEnabled": False}, 5.0, False),
        ({"errorDiagnosticsEnabled": "true"}, 0.0, True),
    ],
)
def test_options_become_a_reject_rule(options: dict[str, Any], percent: float, *, diagnostics: bool) -> None:
    """A percent turns diagnostics on; an explicit no is respected."""
    rule = reject_rule(options)
    assert (rule.at_most_percent, rule.diagnostics) == (percent, diagnostics)


def test_a_count_by_code_never_exceeds_the_rows() -> None:
    """A row that violates two columns with one code is one row."""
    reasons = [ReasonCount("minimum", name, 3, "") for name in ("a", "b")]
    assert [(c.code, c.count) for c in count_by_code(reasons, 4, mapped=True)] == [("DCVS-1111-400", 4)]


def test_rejected_rows_are_translated_line_by_line() -> None:
    """The quarantine's number and codes give way to the dialect's; the samples are one JSON array."""
    line = b'{"Id":"8","_reject":7,"_errors":[{"code":"required","column":"_id","message":"m"}],"_line":13}\n'
    shown = b'{"Id":"8","_errors":[{"code":"1555","column":"_id","message":"m"}],"_line":13}'
    assert list(translate_lines([line, b"\n"], mapped=True)) == [shown + b"\n"]
    assert b"".join(samples([line] * 101, mapped=True)).count(b'"Id"') == 100
    assert b"".join(samples([], mapped=True)) == b"[]"


@pytest.mark.parametrize(
    ("given", "microseconds"),
    [
        ("1651584991", 1651584991_000000),
        (16515859567, 16515859567_000000),
        (1651584991123, 1651584991_123000),
        (0, 0),
        (-1, None),
        (True, None),
        ("", None),
        (10**30, None),
        (1.5, None),
        ("1e9", None),
    ],
)
def test_a_time_is_read(given: object, microseconds: int | None) -> None:
    """Seconds up to 11 digits and more, milliseconds from 10^12 on, nothing else."""
    assert instant(given) == microseconds
