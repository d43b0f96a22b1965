"""The list of time zones."""

from headrace.language.dataprep.zones import UTC, ZONES
from language.dataprep.duck import connect


def test_the_zones_are_those_of_duckdb() -> None:
    """Every zone that an expression may name is known to DuckDB, and the other way round."""
    rows = connect().execute("SELECT name FROM pg_timezone_names()").fetchall()
    assert {name for (name,) in rows} == ZONES


def test_the_zones_that_count_as_utc_are_utc() -> None:
    """They have no offset, in summer as in winter."""
    for zone in UTC:
        walls = connect().execute(
            f"SELECT timezone('{zone}', TIMESTAMPTZ '2020-01-01 00:00:00+00'), timezone('{zone}', TIMESTAMPTZ '2020-07-01 00:00:00+00')"
        )
        assert [str(wall) for wall in walls.fetchall()[0]] == ["2020-01-01 00:00:00", "2020-07-01 00:00:00"]
