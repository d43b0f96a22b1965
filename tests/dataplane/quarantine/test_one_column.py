"""Corrected rows of a source with one column."""

import io

from headrace.dataplane.quarantine import corrected
from promoting import BATCH, Bench, schema


def test_a_null_in_an_only_column_stays_rejected(bench: Bench) -> None:
    """It would be a blank line, which is no row, and must not count as accepted."""
    rejects = corrected.Rejects(BATCH, delimited=True, is_open=lambda number: number < 4)
    stream = io.BytesIO(b'{"_reject":1,"k":null}\n{"_reject":2,"k":"5"}\n{"_reject":3,"k":"x"}\n')
    landed = corrected.land(bench.roots, "run-2", rejects, stream, name="corrected.json")
    bench.promote(landed.landing, schema=schema(k=("integer", {"required": True})))
    assert corrected.accepted(bench.roots, landed.numbers, BATCH) == (2,)
