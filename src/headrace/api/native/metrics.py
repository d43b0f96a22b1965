"""Metrics as Prometheus reads them."""

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from headrace.core.client import Identity
from headrace.core.traffic import BOUNDS, Durations
from headrace.service.native.desk import NativeDesk
from headrace.service.native.metrics import FAMILIES, LEDGER, Family, Metrics, look
from headrace.store.run_totals import MAX_COUNTED

OF_THE_PROCESS = {
    "process_virtual_memory_bytes": "gauge",
    "process_resident_memory_bytes": "gauge",
    "process_start_time_seconds": "gauge",
    "process_cpu_seconds_total": "counter",
    "process_open_fds": "gauge",
    "process_max_fds": "gauge",
}
"""What Prometheus's client tells of every process that it is in, and of which kind it is."""


def metrics(desk: NativeDesk, caller: Identity) -> tuple[bytes, str]:
    """Return the metrics of the installation and of this process, and the type of that text.

    Raises:
        Problem: ``FORBIDDEN``: ``caller`` may not read everywhere.
    """
    registry = CollectorRegistry(auto_describe=False)
    ProcessCollector(registry=registry)
    registry.register(_Found(look(desk, caller)))
    return generate_latest(registry), CONTENT_TYPE_PLAIN_0_0_4


def reference() -> str:
    """Return the text of ``docs/reference/metrics.md``."""
    rows = [
        f"| `{family.name}` | {family.kind} | {', '.join(f'`{label}`' for label in family.labels)} | {family.source} | {family.words} |"
        for family in FAMILIES
    ]
    rows += [
        f"| `{name}` | {kind} | | process | {name.removeprefix('process_').replace('_', ' ')}, of this process |"
        for name, kind in OF_THE_PROCESS.items()
    ]
    return "\n".join(
        [
            "# Metrics",
            "",
            "<!-- made by headrace.api.native.metrics.reference(); tests/api/native/test_metrics.py keeps it in step -->",
            "",
            "`headrace serve` answers `GET /metrics` in the text format of Prometheus, to a client (or a static token) with the role `reader`",
            "and all scopes (`*`): they tell of the whole installation. [Operations](../guides/operations.md) says how to scrape them.",
            "",
            "What comes from the *ledger* is the same, whichever server of an installation is asked: scrape one of them, or take the",
            "maximum. What comes from a *process* is of the server that was asked, and begins at nought when it starts.",
            "",
            "Counters from the ledger grow over restarts and processes, and do not fall when old runs are removed. They begin when",
            f"metrics are asked for the first time, count a run 5 seconds after its end, and at most {MAX_COUNTED:,} runs at a time: after a",
            "long pause they catch up over a few scrapes.",
            "",
            "| metric | kind | labels | from | what it says |",
            "|---|---|---|---|---|",
            *rows,
            "",
            "`door` is `flowservice`, `datafactory`, `jobs` or `local` (flow files); for requests also `native` (the native API) and `console`.",
            "",
        ]
    )


class _Found(Collector):
    """Hands on what was found."""

    def __init__(self, found: Metrics) -> None:
        self._found = found

    def collect(self) -> Iterator[Metric]:
        """Yield every family that has something to say."""
        for family in FAMILIES:
            if family.kind == "histogram":
                yield _histogram(family, self._found)
            elif family.source != LEDGER or family.name in self._found.samples:
                yield _plain(family, self._found)


def _plain(family: Family, found: Metrics) -> Metric:
    made = CounterMetricFamily if family.kind == "counter" else GaugeMetricFamily
    metric = made(family.name, _words(family), labels=family.labels)
    for sample in found.samples.get(family.name, ()):
        metric.add_metric(sample.labels, sample.value)
    return metric


def _histogram(family: Family, found: Metrics) -> Metric:
    metric = HistogramMetricFamily(family.name, _words(family), labels=family.labels)
    for door, durations in sorted(found.durations.items()):
        metric.add_metric((door,), buckets=list(_buckets(durations)), sum_value=durations.seconds)
    return metric


def _buckets(durations: Durations) -> Iterator[tuple[str, float]]:
    so_far = 0
    for bound, count in zip((*BOUNDS, float("inf")), durations.buckets, strict=True):
        so_far += count
        yield "+Inf" if bound == float("inf") else str(bound), so_far


def _words(family: Family) -> str:
    return family.words.replace("`", "")
