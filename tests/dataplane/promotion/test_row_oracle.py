"""multiset(source) = multiset(target) +  multiset(quarantine), whatever bytes the source has."""

import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from promoting import make_bench, schema

_TEXT = st.text(st.sampled_from('ab",;\n\r 7é\0#\\|'), max_size=6)
_FIELD = st.one_of(st.none(), st.just(""), _TEXT, st.integers(-5, 5).map(str))
_DAMAGE = st.sampled_from([b"x", b"x,y,z,w", b"\xff,b,c", b"a,\xc3,c", b'"a"b,c,d'])


@dataclass(frozen=True)
class Row:
    """What a record says, and its bytes."""

    values: tuple[str | None, ...] | None
    data: bytes


def _written(value: str | None, quoted: bool) -> str:
    if value is None:
        return ""
    if quoted or not value or any(c in value for c in '",\n\r#') or value != value.strip(" "):
        return '"' + value.replace('"', '""') + '"'
    return value


@st.composite
def _rows(draw: st.DrawFn) -> Row:
    if draw(st.integers(0, 9)) == 0:
        return Row(None, draw(_DAMAGE))
    values = tuple(draw(st.lists(_FIELD, min_size=3, max_size=3)))
    text = ",".join(_written(value, draw(st.booleans())) for value in values)
    return Row(values, text.encode())


@st.composite
def _files(draw: st.DrawFn) -> tuple[list[Row], bytes]:
    rows = draw(st.lists(_rows(), max_size=12))
    ends = draw(st.sampled_from([["\n"], ["\r\n"], ["\n", "\r\n"], ["\n", "\n\n"]]))
    data = draw(st.sampled_from([b"", b"\xef\xbb\xbf"])) + b"a,b,c\n"
    for row in rows:
        data += row.data + draw(st.sampled_from(ends)).encode()
    return rows, data if draw(st.booleans()) else data.removesuffix(b"\n")


@given(_files())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_every_row_of_a_nasty_file_is_in_the_target_or_in_the_quarantine(made: tuple[list[Row], bytes]) -> None:
    """No row is lost, none is there twice, none is changed, and each reject is known by its line."""
    rows, data = made
    with tempfile.TemporaryDirectory() as folder:
        bench = make_bench(Path(folder))
        outcome = bench.promote(data, schema=schema(a="string", b=("string", {"required": True}), c="string"))
        accepted = [row.values for row in rows if row.values and row.values[1] is not None]
        rejected = [row.values for row in rows if row.values and row.values[1] is None]
        damaged = [row for row in rows if row.values is None]
        target = bench.table() if outcome.output["version"] is not None else []
        found = [r for r in bench.rejects() if "_corrupt_record" not in r] if rows else []
        assert Counter(target) == Counter(accepted)
        assert Counter((r["a"], r["b"], r["c"]) for r in found) == Counter(rejected)
        assert outcome.figures.rows_rejected == len(rejected) + len(damaged)
        lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
        for reject in found:
            first = (reject["a"] or "").replace('"', '""').split("\n")[0].encode()
            assert first.rstrip(b"\r") in lines[reject["_line"] - 1]
