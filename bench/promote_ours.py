"""Promotes one CSV to a fresh Delta table in this process. Arguments: CSV, percent of rejects borne. Prints seconds and peak memory."""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

from bench.data import TYPES
from headrace.core.landing import LandedFile, Landing
from headrace.core.mapping import MappingLanguage
from headrace.core.outcome import Figures
from headrace.core.schema import Column, Schema, parse_type
from headrace.core.settings import PromoteSettings
from headrace.core.target import DeltaTarget, RejectRule
from headrace.core.task import Cancellation, Task
from headrace.dataplane.limits import Limits
from headrace.dataplane.promotion.promote import promote
from headrace.dataplane.storage import Roots
from headrace.language import dataprep

NAMES = {
    "BIGINT": "long",
    "VARCHAR": "string",
    "DECIMAL(12,2)": "decimal(12,2)",
    "INTEGER": "integer",
    "TIMESTAMPTZ": "timestamp",
    "DATE": "date",
    "BOOLEAN": "boolean",
    "DOUBLE": "double",
}


class Quiet:
    """A context that nobody watches."""

    def __init__(self) -> None:
        self.cancellation = Cancellation()

    def progress(self, figures: Figures) -> None:
        """Do nothing."""


def main(csv: Path, at_most_percent: float) -> None:
    """Promote ``csv`` and print what it took."""
    home = Path(tempfile.mkdtemp(dir=csv.parent))
    roots = Roots(home / "landing", home / "lake", home / "quarantine", home / "work", None)
    roots.make()
    (roots.landing / "source.csv").hardlink_to(csv)
    schema = Schema(
        tuple(
            Column(name, parse_type(NAMES[kind]), required=name == "id", minimum=0 if name == "quantity" else None)
            for name, kind in TYPES.items()
        )
    )
    settings = PromoteSettings(
        "copy",
        DeltaTarget("orders"),
        mapping={name: name for name in TYPES},
        schema=schema,
        rejects=RejectRule(at_most_percent),
    )
    task = Task("local", "f", "r", "r", "promote", 1, 1, "promote", {}, "key")
    landing = Landing((LandedFile("source.csv", "source.csv", csv.stat().st_size),))
    start = time.perf_counter()
    outcome = promote(
        settings,
        landing,
        task,
        Quiet(),
        batch_id="0" * 26,
        roots=roots,
        limits=Limits(threads=2),
        language=MappingLanguage(dataprep.compile_expression, dataprep.cast_sql),
    )
    seconds = time.perf_counter() - start
    assert outcome.failure is None, outcome.failure
    figures = outcome.figures
    print(
        json.dumps(
            {
                "seconds": seconds,
                "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
                "accepted": figures.rows_accepted,
                "rejected": figures.rows_rejected,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
