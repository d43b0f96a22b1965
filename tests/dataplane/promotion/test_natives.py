"""Functions of a language that DuckDB lacks, on a promotion's connection."""

from collections.abc import Callable
from pathlib import Path

from headrace.core.mapping import NativeFunction
from headrace.dataplane.limits import Limits
from headrace.dataplane.promotion.session import Session
from promoting import Bench, Watcher


def _session(work: Path, function: Callable[..., object], returns: str = "VARCHAR") -> Session:
    native = NativeFunction("headrace_test", ("VARCHAR",), returns, function)
    return Session(Watcher(), Limits(threads=2), work, (), (native,))


def test_a_native_function_is_called_for_every_row_on_several_threads(tmp_path: Path) -> None:
    """The connection is locked when the first statement calls it; more rows than one batch, two threads."""
    with _session(tmp_path, str.upper) as session:
        rows = session.rows("SELECT count(*), count(DISTINCT headrace_test('x' || i)) FROM range(300000) AS t(i)")
        assert rows == [(300_000, 300_000)]
        assert session.one("SELECT headrace_test('b')") == "B"


def test_a_null_argument_gives_null_without_a_call(tmp_path: Path) -> None:
    """The function need not know null."""
    with _session(tmp_path, str.upper) as session:
        assert session.rows("SELECT headrace_test(x) FROM (VALUES ('a'), (NULL)) AS t(x)") == [("A",), (None,)]


def test_what_a_native_function_raises_is_null_for_its_row(tmp_path: Path) -> None:
    """No row ends the query: neither an exception, nor a result that is not of the type."""

    def fail_on(text: str) -> object:
        answers: dict[str, object] = {"good": 1, "type": "no number", "size": 2**70}
        return answers[text]

    with _session(tmp_path, fail_on, "BIGINT") as session:
        rows = session.rows("SELECT headrace_test(x) FROM (VALUES ('good'), ('raises'), ('type'), ('size')) AS t(x)")
        assert rows == [(1,), (None,), (None,), (None,)]


def test_a_native_function_returns_lists_and_structs(tmp_path: Path) -> None:
    """Its type may be nested, and it works inside of DuckDB's lambdas."""
    type_ = "STRUCT(a VARCHAR, b VARCHAR[])"
    with _session(tmp_path, lambda text: {"a": text, "b": [text, None]}, type_) as session:
        sql = "SELECT list_transform(['x', NULL], lambda e: headrace_test(e))"
        assert session.one(sql) == [{"a": "x", "b": ["x", None]}, None]


def test_only_what_is_called_is_registered(tmp_path: Path) -> None:
    """A statement that does not call the function leaves the connection without it."""
    with _session(tmp_path, str.upper) as session:
        known = "SELECT count(*) FROM duckdb_functions() WHERE starts_with(function_name, 'headrace_')"
        assert session.one(known) == 0
        session.one("SELECT headrace_test('a')")
        assert session.one(known) == 1


def test_a_mapping_with_native_functions_and_objects_is_promoted(bench: Bench) -> None:
    """Digests, maps and objects of a mapping reach the table; what fails for a row is its warning, not the end of the run."""
    mapping = {
        "h": "crc32(s)",
        "m": "to_map(s, 1).get(s)",
        "o": "str_to_object(s).a",
        "f": "fpid_to_ecid(s)",
        "n": '{"x": s, "l": [1, 2]}',
    }
    outcome = bench.promote(b"s\na:5\nb\n", mapping=mapping)
    assert outcome.failure is None
    assert outcome.figures.rows_warned == 2
    assert bench.table("h, m, o, f, n") == [
        ("5f624ec5", "1", '"5"', None, {"x": "a:5", "l": [1, 2]}),
        ("f9efbe71", "1", None, None, {"x": "b", "l": [1, 2]}),
    ]
