"""Who outside is told of runs that have ended, as the settings say. What tells is loaded only where it is wanted."""

from collections.abc import Mapping
from importlib import import_module
from importlib.util import find_spec

from headrace import __version__
from headrace.bootstrap.application import Application
from headrace.core.errors import Code, Problem
from headrace.service.reporting import ReportDesk, Reporter

TRACES, LINEAGE = "traces", "lineage"
"""The names under which the ledger keeps how far each was told."""


def report_desk(application: Application) -> ReportDesk | None:
    """Return what telling needs; None: nobody is to be told.

    Raises:
        Problem: ``INVALID``: headers of no form; ``UNSUPPORTED``: the packages that tell are not installed.
    """
    settings = application.settings
    reporters: dict[str, Reporter] = {}
    if settings.otel_endpoint:
        _needs("opentelemetry.exporter.otlp.proto.http", "otel_endpoint", "otel")
        make = import_module("headrace.service.tracing").trace_reporter
        reporters[TRACES] = make(settings.otel_endpoint, _headers(settings.otel_headers), __version__)
    if settings.openlineage_url:
        _needs("openlineage.client", "openlineage_url", "openlineage")
        make = import_module("headrace.service.lineage").lineage_reporter
        address = (settings.openlineage_url, settings.openlineage_namespace, settings.openlineage_token)
        reporters[LINEAGE] = make(*address, __version__)
    return ReportDesk(application.database, application.clock, reporters) if reporters else None


def _needs(module: str, setting: str, extra: str) -> None:
    try:
        found = find_spec(module) is not None
    except ModuleNotFoundError:
        found = False
    if not found:
        raise Problem(
            Code.UNSUPPORTED, f"{setting} is set, and needs packages that are not here: install headrace[{extra}]"
        )


def _headers(text: str) -> Mapping[str, str]:
    pairs = [item.partition("=") for item in text.split(",") if item.strip()]
    if any(not sign or not name.strip() for name, sign, _ in pairs):
        raise Problem(Code.INVALID, "otel_headers: name=value is expected, comma-separated")
    return {name.strip(): value.strip() for name, _, value in pairs}
