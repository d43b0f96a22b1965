"""Looking into databases (``dataplane.exploring.tables``): it stands here since it is asked of every database that we can start."""

from collections.abc import Mapping

import pytest

from headrace.core.condition import Comparator, Comparison
from headrace.core.errors import Code, Problem
from headrace.core.explore import Connected, ListPlaces, PeekTable, Place, Places, PlaceType
from headrace.core.schema import Kind
from headrace.dataplane.exploring import tables
from headrace.dataplane.exploring.opening import Opening

from .conftest import House

WHERE = Connected("local", "db")

SPECIAL: Mapping[str, tuple[str, str, str]] = {
    "postgres": ("timestamptz", "double precision", "bytea"),
    "mysql": ("timestamp(6) NULL", "double", "blob"),
}


def opening(house: House) -> Opening:
    """Return the database as a source that may be looked into."""
    return Opening(house.info, "", house.roots, house.limits)


def schema_of(house: House) -> str:
    """Return the schema that tables are made in."""
    return house.info.url.rpartition("/")[2] if house.kind == "mysql" else "public"


def test_a_database_that_lets_us_in_is_reached_and_one_that_is_not_says_why(house: House) -> None:
    """No places are the good answer."""
    assert tables.check(WHERE, opening(house)) == Places()
    house.info = type(house.info)(house.info.kind, house.info.url + "_not")
    with pytest.raises(Problem) as caught:
        tables.check(WHERE, opening(house))
    assert caught.value.code is Code.SOURCE_NOT_FOUND


def test_tables_and_views_are_listed_by_the_names_that_sources_take(house: House) -> None:
    """None of the database's own; a folder is a schema."""
    house.sql("CREATE TABLE orders (n int)")
    house.sql("CREATE VIEW customers AS SELECT n FROM orders")
    quote = "`" if house.kind == "mysql" else '"'
    house.sql(f"CREATE TABLE {quote}odd.name{quote} (n int)")
    schema = schema_of(house)
    expected = (
        Place(PlaceType.TABLE, "customers", f"{schema}.customers"),
        Place(PlaceType.TABLE, "odd.name", f"{schema}.{quote}odd.name{quote}"),
        Place(PlaceType.TABLE, "orders", f"{schema}.orders"),
    )
    listed = tables.list_places(ListPlaces(WHERE, schema + "/"), opening(house))
    assert listed == Places(expected)
    everything = tables.list_places(ListPlaces(WHERE), opening(house))
    assert set(expected) <= set(everything.items)
    assert not {item.path.partition(".")[0] for item in everything.items} & {"pg_catalog", "information_schema", "sys"}
    for place in listed.items:
        peeked = tables.peek_table(PeekTable(WHERE, place.path), opening(house))
        assert [column.name for column in peeked.columns] == ["n"]


def test_a_peek_shows_columns_with_their_own_types_and_values_as_json(house: House) -> None:
    """Instants in UTC, bytes as base64, numbers where no digit is lost, else text."""
    instant, double, blob = SPECIAL[house.kind]
    house.sql(f"CREATE TABLE t (n int, name varchar(20), price decimal(30,10), at {instant}, f {double}, raw {blob})")
    house.sql("INSERT INTO t (n, name, price, at, f) VALUES (1, 'é', 1.25, '2024-01-31 12:00:00.5', 0.5)")
    house.sql("INSERT INTO t (n, price) VALUES (2, 12345678901234567890.0123456789)")
    house.sql("UPDATE t SET raw = %s WHERE n = 1", [b"\x00\xff"])
    peeked = tables.peek_table(PeekTable(WHERE, "t"), opening(house))
    assert [column.original for column in peeked.columns][1] in ("varchar(20)", "character varying(20)")
    kinds = [column.type.kind for column in peeked.columns]
    assert kinds == [Kind.INTEGER, Kind.STRING, Kind.DECIMAL, Kind.TIMESTAMP, Kind.DOUBLE, Kind.BINARY]
    first, second = sorted(peeked.rows, key=lambda row: str(row["n"]))
    assert first == {"n": 1, "name": "é", "price": 1.25, "at": "2024-01-31T12:00:00.500000Z", "f": 0.5, "raw": "AP8="}
    assert second["price"] == "12345678901234567890.0123456789"
    assert second["at"] is None


def test_a_peek_has_few_rows_that_fulfil_its_condition(house: House) -> None:
    """At most a hundred; none where only columns are asked for; and what is wrong is told as a copy tells it."""
    house.sql("CREATE TABLE t (n int)")
    house.sql("INSERT INTO t VALUES " + ", ".join(f"({n})" for n in range(150)))
    condition = Comparison("n", Comparator.GE, 10)
    peeked = tables.peek_table(PeekTable(WHERE, "t", 1000, condition), opening(house))
    assert len(peeked.rows) == 100
    assert all(isinstance(row["n"], int) and row["n"] >= 10 for row in peeked.rows)
    assert tables.peek_table(PeekTable(WHERE, "t", 0), opening(house)).rows == ()
    for question, code in (
        (PeekTable(WHERE, "tt"), Code.SOURCE_NOT_FOUND),
        (PeekTable(WHERE, "t", 5, Comparison("m", Comparator.EQ, 1)), Code.UNKNOWN_COLUMN),
        (PeekTable(WHERE, "t", 5, Comparison("n", Comparator.EQ, "1")), Code.INVALID),
    ):
        with pytest.raises(Problem) as caught:
            tables.peek_table(question, opening(house))
        assert caught.value.code is code


def test_a_value_that_its_type_cannot_hold_is_shown_as_text(house: House) -> None:
    """A peek fails on no row."""
    value = {"postgres": "infinity", "mysql": "0000-00-00"}[house.kind]
    house.sql("CREATE TABLE t (n int, day date)")
    mode = "SET STATEMENT sql_mode = '' FOR " if house.kind == "mysql" else ""
    house.sql(f"{mode}INSERT INTO t VALUES (1, '{value}')")
    assert tables.peek_table(PeekTable(WHERE, "t"), opening(house)).rows == ({"n": 1, "day": value},)
