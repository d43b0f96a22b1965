"""Texts that are read as dates have one of the forms, to the letter."""

import random
import re

import pyarrow as pa

from headrace.core.schema import STRING, parse_type
from headrace.language.dataprep import cast_sql
from language.dataprep.duck import connect

_SEEDS = (
    *(
        "2020-01-01 10:00:05",
        "2020-01-01",
        "2020-01-01T10:00:05Z",
        "2020-01-01T10:00:05",
        "2020-01-01 10:00:05.123+02:00",
    ),
    *(
        "2020/01/02",
        "2020.01.02",
        "2020-Jan-02",
        "20200102",
        "01-02-2020",
        "1/02/2020",
        "02.1.2020",
        "02.Jan.2020",
        "02-Jan-2020",
    ),
    *("20200102T101010", "20200102T101010Z", "1/02/2020 01:02:03 PM", "2020-001", "2020-W01-1"),
)
_FORMS = re.compile(
    r"\d{4}-\d\d-\d\d([ T]\d\d:\d\d(:\d\d(\.\d{1,9})?)?( ?(Z|[+-]\d\d(:?\d\d)?))?)?|\d{4}/\d\d/\d\d|\d{4}\.\d\d\.\d\d|\d{4}-[A-Za-z]{3}-\d\d|"
    r"\d{8}(T\d{6}Z?)?|\d\d-\d\d-\d{4}|\d{1,2}/\d\d/\d{4}( \d\d:\d\d:\d\d [AP]M)?|\d\d\.\d{1,2}\.\d{4}( \d\d:\d\d:\d\d [AP]M)?|"
    r"\d\d\.[A-Za-z]{3}\.\d{4}|\d\d-[A-Za-z]{3}-\d{4}|\d{4}-\d{3}|\d{4}-W\d\d-\d"
)


def test_a_date_with_a_letter_changed_is_read_only_if_it_has_a_form() -> None:
    """DuckDB's own casts read ``10:06: 5`` as 10:06:00; nothing like that gets through."""
    chance = random.Random(5)  # noqa: S311 — the same texts in every run, no secrets
    texts = set()
    for _ in range(20_000):
        letters = list(chance.choice(_SEEDS))
        for _ in range(chance.choice([1, 1, 2, 3])):
            letters[chance.randrange(len(letters))] = chance.choice("0123456789 +-Z:.TeE/\t")
        texts.add("".join(letters))
    connection = connect()
    connection.register("texts", pa.table({"x": sorted(texts)}))
    for target in ("timestamp", "date"):
        cast = cast_sql('"x"', STRING, parse_type(target))
        read = [text for (text,) in connection.execute(f"SELECT x FROM texts WHERE {cast.sql} IS NOT NULL").fetchall()]
        assert len(read) > 500
        assert [text for text in read if not _FORMS.fullmatch(text)] == []
