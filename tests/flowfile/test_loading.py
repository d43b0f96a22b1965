"""A flow file becomes a flow; all that is wrong in it is told at once."""

from pathlib import Path
from typing import Any

import pytest

from headrace.core.codec import decode
from headrace.core.errors import Problem
from headrace.core.flow import Flow
from headrace.core.schema import Column, parse_type
from headrace.core.settings import CopySettings, PromoteSettings
from headrace.core.source import FileSource, NullPolicy, TableSource
from headrace.core.target import WriteMode
from headrace.flowfile import FlowFile, load, read

ROOT = Path(__file__).resolve().parents[2]
SMALL = """
name: small
source: {files: data.csv}
target: {table: small}
"""
DATABASE = """
name: orders
source:
  database: postgresql://${env:LOGIN}:${env:SECRET}@db.internal:5433/shop
  table: public.orders
  delta_column: {name: updated_at, nulls: skip, lag_seconds: 5}
  partition_column: id
  partitions: 4
target: {table: prod/orders, mode: overwrite}
"""
ENVIRONMENT = {"LOGIN": "ann", "SECRET": "p@ss/word"}


def small(text: str, parameters: dict[str, Any] | None = None) -> FlowFile:
    """Read a flow file that stands in /job."""
    return read(text, parameters, ENVIRONMENT, path=Path("/job/flow.yaml"))


def copy_of(flow: Flow) -> CopySettings:
    """Return the settings of the flow's copy."""
    return decode(CopySettings, flow.plan.by_name["copy"].settings, what="the copy")


def promote_of(flow: Flow) -> PromoteSettings:
    """Return the settings of the flow's promotion."""
    return decode(PromoteSettings, flow.plan.by_name["promote"].settings, what="the promotion")


def errors_of(text: str, parameters: dict[str, Any] | None = None) -> list[str]:
    """Return what is wrong in a flow file."""
    with pytest.raises(Problem) as refusal:
        small(text, parameters)
    return [str(error).removeprefix("/job/flow.yaml:") for error in refusal.value.fields]


@pytest.mark.parametrize("path", sorted((ROOT / "examples").rglob("*.yaml")), ids=lambda path: path.name)
def test_every_example_is_good(path: Path) -> None:
    """What we show works."""
    flow = load(path).flow
    assert [activity.kind for activity in flow.plan.activities] == ["copy", "promote"]
    assert promote_of(flow).target.table == flow.name


def test_a_file_with_defaults_only_is_a_flow() -> None:
    """Three lines are enough; the same name is the same flow."""
    flow = small(SMALL).flow
    assert flow.id == small(SMALL.replace("data.csv", "other.csv")).flow.id
    assert copy_of(flow) == CopySettings(FileSource("file:///job", "data.csv"))
    assert promote_of(flow).mapping is None
    assert flow.labels["flow_file"] == "/job/flow.yaml"


@pytest.mark.parametrize(
    ("files", "root", "path"),
    [
        ("a/b.csv", "file:///job/a", "b.csv"),
        ("../in/*.csv", "file:///in", "*.csv"),
        ("/data/**/2024-*/x.json", "file:///data", "**/2024-*/x.json"),
        ("in/", "file:///job/in", ""),
        ("file:///data/with%20space/x.csv", "file:///data/with%20space", "x.csv"),
        ("*.csv", "file:///job", "*.csv"),
    ],
)
def test_paths_begin_at_the_flow_file(files: str, root: str, path: str) -> None:
    """A flow file means the same wherever it is called from."""
    source = copy_of(small(SMALL.replace("data.csv", repr(files))).flow).source
    assert isinstance(source, FileSource)
    assert (source.root, source.path) == (root, path)


def test_several_paths_begin_at_the_folder_that_they_share() -> None:
    """A list of files, folders and patterns is one source."""
    source = copy_of(small(SMALL.replace("data.csv", "[a/x.csv, '../b/*.csv', a/c/, file:///job/d.csv]")).flow).source
    assert isinstance(source, FileSource)
    assert (source.root, source.path) == ("file:///", "job/a/x.csv")
    assert source.also == ("b/*.csv", "job/a/c/", "job/d.csv")


def test_a_database_is_a_sealed_connection_and_never_stands_in_the_plan() -> None:
    """The URL with its password goes to the connection document; the plan has its id alone."""
    file = small(DATABASE)
    (connection,) = file.connections
    source = copy_of(file.flow).source
    assert connection.url == "postgresql://ann:p%40ss%2Fword@db.internal:5433/shop"
    assert isinstance(source, TableSource)
    assert source.connection == connection.id
    assert source.delta is not None
    assert (source.delta.nulls, source.partitions) == (NullPolicy.SKIP, 4)
    assert "ss%2Fword" not in repr(file)
    assert file.takes_window
    assert promote_of(file.flow).target.mode is WriteMode.OVERWRITE


def test_a_new_password_is_no_other_connection_but_another_host_is() -> None:
    """A retry after a changed password carries the copy over; after a changed host it does not."""
    before = small(DATABASE).flow.plan.by_name["copy"].fingerprint
    assert small(DATABASE.replace("env:SECRET", "env:LOGIN")).flow.plan.by_name["copy"].fingerprint == before
    assert small(DATABASE.replace("db.internal", "db2")).flow.plan.by_name["copy"].fingerprint != before


def test_columns_and_reject_rules_are_read() -> None:
    """Short and long forms of columns, percentages as text or number."""
    text = SMALL.replace(
        "target: {table: small}",
        """
mapping: {a: x, b: to_integer(y)}
target:
  table: small
  schema:
    a: decimal(10,2)
    b: {type: timestamp, required: true, minimum: "2013-01-01T00:00:00Z"}
  rejects: {at_most: 2.5%, diagnostics: false}
""",
    )
    settings = promote_of(small(text).flow)
    assert settings.schema is not None
    assert [str(column.type) for column in settings.schema.columns] == ["decimal(10,2)", "timestamp"]
    assert (settings.rejects.at_most_percent, settings.rejects.diagnostics) == (2.5, False)
    assert settings.mapping == {"a": "x", "b": "to_integer(y)"}


NESTED = """
mapping: {person.name.first: f, "orders[*].sku": "c[*].d", k: k}
target:
  table: small
  schema:
    k: string
    person: {type: struct, required: true}
    person.name.first: {type: string, required: true}
    person.age: integer
    orders[*].sku: {type: string, max_length: 3}
    tags[*]: {type: string, enum: [a]}
    plain: "struct<a: list<long>>"
    plain.b: string
"""


def test_paths_in_a_schema_are_fields_and_elements() -> None:
    """Objects are made on the way; what is said of them stands under their own key."""
    settings = promote_of(small(SMALL.replace("target: {table: small}", NESTED)).flow)
    assert settings.schema is not None
    columns = settings.schema.by_name
    assert {name: str(column.type) for name, column in columns.items()} == {
        "k": "string",
        "person": "struct<name: struct<first: string>, age: integer>",
        "orders": "list<struct<sku: string>>",
        "tags": "list<string>",
        "plain": "struct<a: list<long>, b: string>",
    }
    first = columns["person"].type.fields[0].type.fields[0]
    assert (columns["person"].required, first.required) == (True, True)
    assert columns["tags"].elements == Column("element", parse_type("string"), enum=("a",))
    element = columns["orders"].type.element
    assert element is not None
    assert element.fields[0].max_length == 3


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("person.age: integer", "person[*]: integer", "an object and a list at once"),
        ("person.age: integer", "k.x: integer", "'k' is a string; other keys say that it is a struct"),
        ("person.age: integer", "tags[0]: integer", "write [*]"),
        ("person.age: integer", "empty: struct", "describe it in keys such as empty.x"),
        ("person.age: integer", "person..age: integer", "is no path"),
        ("k: k}", "person.nam: k}", "did you mean 'name'?"),
        ("k: k}", "'orders[*].sku.x': k}", "has no field 'x'"),
    ],
)
def test_paths_that_lead_nowhere_are_told_before_anything_runs(old: str, new: str, words: str) -> None:
    """With the key that says them."""
    text = SMALL.replace("target: {table: small}", NESTED)
    assert old in text
    assert any(words in error for error in errors_of(text.replace(old, new)))


def test_all_that_is_wrong_is_told_at_once_with_its_place() -> None:
    """A person corrects a file once."""
    text = """name: x
source:
  files: a.csv
  format: {delimeter: ";"}
maping: {}
mapping:
  c: to_integer(
target:
  table: y
  table: z
  schema: {c: strng}
"""
    assert errors_of(text) == [
        "4:12: unknown field 'delimeter' (did you mean 'delimiter'?)",
        "5:1: unknown field 'maping' (did you mean 'mapping'?)",
        (
            "7:6: mapping.c: expression 'to_integer(', character 12: expected a value: a column, a number, a text in quotes "
            "or a function, found the end of the expression"
        ),
        "10:3: duplicate key 'table' (first in line 9)",
        (
            "11:15: target.schema.c.type: 'strng' is no column type; expected one of binary, boolean, date, double, float, "
            "integer, json, long, string, time, timestamp, uuid, decimal(p,s), list<…>, struct<…>"
        ),
    ]


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("{files: data.csv}", "{}", "give either files or a database"),
        ("{files: data.csv}", "{files: https://h/x.csv}", "https:// cannot be read from (download the files"),
        ("{files: data.csv}", "{files: postgresql://h/d}", "write database: postgresql://"),
        ("{files: data.csv}", "{files: foo://x}", "foo:// is not known"),
        ("{files: data.csv}", "{files: 3}", "source.files[0]: expected a string, found 3"),
        ("{files: data.csv}", "{files: []}", "the list is empty (at least one path)"),
        ("{files: data.csv}", "{files: [a.csv, s3://b/x.csv]}", "the files lie in more than one place (all in one store"),
        ("{files: data.csv}", "{files: a.csv, connection: {user: x}}", "files of this machine need no connection"),
        ("{files: data.csv}", "{files: a.csv, table: t}", "table belongs to a database"),
        ("{files: data.csv}", "{files: a.csv, where: {a: 1}}", "where belongs to a database"),
        ("{files: data.csv}", "{database: oracle://h/d, table: t}", "oracle:// cannot be read (one of postgresql://"),
        ("{files: data.csv}", "{database: 'postgresql://u@', table: t}", "this is no URL of a database"),
        ("{files: data.csv}", "{database: postgresql://h/d}", "give either a table or a query"),
        ("{files: data.csv}", "{database: 'postgresql://h/d', table: t, recursive: true}", "recursive belongs to files"),
        ("table: small", "table: ../up", "'../up' is no path in the lake"),
        ("table: small", "table: small, rejects: {at_most: lots}", "'lots' is no percentage (such as 5% or 0.1)"),
        ("table: small", "table: small, rejects: {at_most: 101}", "0% to 100%"),
        ("table: small", "table: small, mode: replace", "'replace' is not allowed (one of append, overwrite)"),
        ("table: small", "table: t, schema: {a: {type: integer, minimum: x}}", "'x' is no number"),
        ("table: small", "table: t, schema: {a: {type: date, minimum: 3}}", "3 is no date"),
        ("table: small", "table: t, schema: {a: {type: integer, pattern: x}}", "a integer has no pattern"),
        ("table: small", "table: t, schema: {a: long, A: long}", "occurs twice"),
        ("name: small", "name: ''", "'' is no name"),
        ("name: small", "name: small\nconcurrency: 0", "0 runs could never start"),
        ("name: small", "name: small\nactivities: {copy: {retries: -1}}", "-1 is out of range"),
        ("name: small", "name: small\nmapping: {a: 5}", "mapping.a: expected a string, found 5"),
        ("name: small\n", "", "name: is missing"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused_with_what_would(old: str, new: str, words: str) -> None:
    """Before anything runs."""
    assert any(words in error for error in errors_of(SMALL.replace(old, new)))


def test_a_password_never_stands_in_a_message() -> None:
    """Not even when the URL that holds it is wrong."""
    text = SMALL.replace("{files: data.csv}", "{database: 'postgresql://u:hush@[h/d', table: t}")
    assert "hush" not in "".join(errors_of(text))


def test_an_empty_file_and_one_of_another_kind_say_what_is_expected() -> None:
    """Neither is a flow."""
    assert errors_of("") == ["expected an object, found null"] or "expected an object" in errors_of("")[0]
    assert "expected an object, found a list" in errors_of("- a")[0]


def test_a_file_that_cannot_be_read_is_a_problem(tmp_path: Path) -> None:
    """Missing, a folder, or no text."""
    with pytest.raises(Problem, match="there is no file"):
        load(tmp_path / "nothing.yaml")
    with pytest.raises(Problem, match="cannot be read: Is a directory"):
        load(tmp_path)
    (tmp_path / "x.yaml").write_bytes(b"name: \xff")
    with pytest.raises(Problem, match="is not UTF-8 text"):
        load(tmp_path / "x.yaml")


PARAMETERS = """
name: p
parameters: {day: "2024-01-01", count: 3, ratio: 0.5, strict: true, who: null}
source: {files: "in/${day}-${count}.csv", format: {skip_lines: "${count}", header: "${strict}", comment: "$${x}"}}
mapping: {a: 'concat(${day}, "${day}", ${First Name})', b: '-${count}', c: '${who}'}
target: {table: "p", rejects: {at_most: "${ratio}"}}
"""


def test_parameters_become_data_and_never_code() -> None:
    """A value in an expression is a literal, whatever it holds; what it holds is not looked at again."""
    text = PARAMETERS.replace(', comment: "$${x}"', "")
    file = small(text, {"who": 'x") + evil("${day}', "count": "4"})
    settings = promote_of(file.flow)
    assert settings.mapping == {
        "a": 'concat("2024-01-01", "${day}", ${First Name})',
        "b": "-(4)",
        "c": '"x\\") + evil(\\"${day}"',
    }
    assert (settings.format.skip_lines, settings.format.header, settings.rejects.at_most_percent) == (4, True, 0.5)
    source = copy_of(file.flow).source
    assert isinstance(source, FileSource)
    assert source.path == "2024-01-01-4.csv"
    assert file.parameters["count"] == 4


def test_parameters_of_a_query_are_literals() -> None:
    """A quote in a value cannot end the text that it stands in."""
    text = DATABASE.replace("  table: public.orders", "  query: select * from t where n = ${n} and d > ${d}").replace(
        "  partition_column: id\n  partitions: 4\n", ""
    )
    file = small('parameters: {n: "o\'brien", d: 5}' + text)
    source = copy_of(file.flow).source
    assert isinstance(source, TableSource)
    assert source.query == "select * from t where n = 'o''brien' and d > 5"


@pytest.mark.parametrize(
    ("parameters", "words"),
    [
        ({}, "parameters.who: has no default and was not given (--param who=…)"),
        ({"who": "x", "cuont": "1"}, "'cuont' is given but not declared (did you mean 'count'?)"),
        ({"who": "x", "count": "many"}, "'many' was given, and the default is an integer"),
        ({"who": "x", "strict": "1"}, "'1' was given, and the default is true or false"),
        ({"who": "x"}, "source.format.comment: must be one character, or empty for none, found '${x}'"),
    ],
)
def test_wrong_parameters_are_refused(parameters: dict[str, Any], words: str) -> None:
    """Undeclared, missing, of another type; and an escaped reference is left as it is."""
    assert any(words in error for error in errors_of(PARAMETERS, parameters))


def test_the_environment_is_read_for_connections_only() -> None:
    """A flow file cannot carry a secret of the environment anywhere else."""
    for secret in ("${env:SECRET}", "${file:secret}"):
        words = "the environment and files are read in source.database and source.connection only"
        assert words in errors_of(SMALL.replace("data.csv", f"'{secret}'"))[0]
    missing = errors_of(DATABASE.replace("env:SECRET", "env:NOWHERE"))
    assert "the environment has no variable 'NOWHERE'" in missing[0]


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("uppr(a)", "character 1: unknown function 'uppr'; did you mean 'upper'?"),
        ("a + trim(a, a)", "character 5: trim takes 1 argument, not 2"),
    ],
)
def test_wrong_calls_are_told_before_anything_runs(expression: str, words: str) -> None:
    """What does not hang on the source's columns must not wait for the source to be read."""
    (error,) = errors_of(f"{SMALL}mapping: {{a: '{expression}'}}\n")
    assert ": mapping.a: expression" in error
    assert words in error


def test_a_pattern_that_is_no_regular_expression_is_told_before_anything_runs() -> None:
    """With its place; DuckDB itself judges, since it will look for the pattern."""
    target = "target: {table: t, schema: {a: {type: string, pattern: '%s'}}}"
    text = f"name: p\nsource: {{files: a.csv}}\n{target}\n"
    assert small(text % "^[A-Z]{2}$").flow.name == "p"
    (error,) = errors_of(text % "(?<=a)[")
    assert "3:" in error
    assert "target.schema.a.pattern: '(?<=a)[' is no RE2 regular expression" in error
