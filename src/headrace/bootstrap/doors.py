"""What each door needs of an installation: the same for the process that answers its requests and for workers that act in its name."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from headrace.api.datafactory.door import MAX_DOCUMENT_BYTES, DataFactoryDoor
from headrace.api.datafactory.door import TOKEN_MINUTES as DATA_FACTORY_TOKEN_MINUTES
from headrace.api.datafactory.factories import ensure_factory
from headrace.api.flowservice.door import DEFAULT_SANDBOX, TOKEN_MINUTES, FlowServiceDoor
from headrace.api.jobs.door import TOKEN_MINUTES as JOBS_TOKEN_MINUTES
from headrace.api.jobs.door import JobsDoor
from headrace.api.native.door import TOKEN_MINUTES as NATIVE_TOKEN_MINUTES
from headrace.api.native.door import NativeDoor
from headrace.bootstrap.application import Application, allowed_roots
from headrace.core.client import static_tokens
from headrace.core.errors import Code, Problem
from headrace.core.explore import Explorer
from headrace.dataplane.scripts.runner import Scripts
from headrace.http.event_stream import Streams
from headrace.http.links import is_loopback
from headrace.http.rates import Rates
from headrace.service.happenings.desk import make_desk
from headrace.service.happenings.listening import Listening
from headrace.service.happenings.open_requests import OpenRequests
from headrace.service.native.desk import NativeDesk
from headrace.service.workspace.accounts import the_account


class Unasked:
    """An explorer for processes that ask nothing about sources: workers, which act in the door's name."""

    def __call__(self, question: Any, /) -> Any:
        """Refuse.

        Raises:
            Problem: ``UNSUPPORTED``.
        """
        raise Problem(Code.UNSUPPORTED, f"this process does not look into sources ({question.KIND})")


def make_door(application: Application, explore: Explorer | None = None, *, dev: bool = False) -> FlowServiceDoor:
    """Return what the Flow Service door needs. ``explore`` answers its questions about sources; ``dev``: it takes any token."""
    return FlowServiceDoor(
        database=application.database,
        clock=application.clock,
        ids=application.ids,
        sealer=application.sealer,
        tokens=application.token_desk(TOKEN_MINUTES),
        roots=replace(application.roots, file_roots=allowed_roots(application.settings)),
        outcome_lost=application.outcome_lost,
        explore=explore or Unasked(),
        landing_zone=application.settings.landing_zone,
        landing_zone_days=application.settings.landing_zone_days,
        sandboxes=tuple(dict.fromkeys((DEFAULT_SANDBOX, *application.settings.flowservice_sandboxes))),
        refuse_past_start=application.settings.flowservice_refuse_past_start,
        static_tokens=static_tokens(application.settings.flowservice_tokens),
        public_url=application.settings.public_url or None,
        egress=application.egress,
        dev=dev,
        rates=Rates(application.settings.requests_per_minute),
        max_body_bytes=application.settings.max_body_bytes,
    )


def make_data_factory_door(application: Application, *, anonymous: bool = False) -> DataFactoryDoor:
    """Return what the Data Factory door needs; the factories that the settings name are made.

    ``anonymous``: only this machine can ask. Then no token is needed as long as the settings name none, and no public address either: who names
    one has a proxy in front, which lets others ask.
    """
    settings = application.settings
    host = urlsplit(settings.public_url).hostname or "localhost"
    for path in settings.datafactory_factories:
        subscription, group, name = path.split("/")
        ensure_factory(application.database, application.clock, subscription, group, name)
    return DataFactoryDoor(
        database=application.database,
        clock=application.clock,
        ids=application.ids,
        sealer=application.sealer,
        tokens=application.token_desk(DATA_FACTORY_TOKEN_MINUTES),
        static_tokens=static_tokens(settings.datafactory_tokens),
        waiting_runs=settings.datafactory_waiting_runs,
        anonymous=anonymous and not settings.datafactory_tokens and is_loopback(host),
        public_url=settings.public_url or None,
        rates=Rates(settings.requests_per_minute),
        max_body_bytes=min(settings.max_body_bytes, MAX_DOCUMENT_BYTES),
    )


def make_jobs_door(application: Application, *, dev: bool = False) -> JobsDoor:
    """Return what the Jobs door needs; the account is made if there is none. Its dispatcher (``happenings.dispatcher``) is the caller's to start."""
    settings = application.settings
    return JobsDoor(
        database=application.database,
        clock=application.clock,
        ids=application.ids,
        sealer=application.sealer,
        tokens=application.token_desk(JOBS_TOKEN_MINUTES),
        account=the_account(application.database, application.clock, application.ids),
        roots=application.roots,
        limits=settings.job_limits,
        scripts=Scripts(settings.job_limits.script),
        listening=Listening(
            make_desk(
                application.database,
                application.clock,
                application.ids,
                settings.job_limits,
                application.sealer,
                OpenRequests(application.clock),
            )
        ),
        static_tokens=static_tokens(settings.jobs_tokens),
        dev=dev,
        public_url=settings.public_url or None,
        rates=Rates(settings.requests_per_minute),
    )


def make_native_door(
    application: Application, desk: NativeDesk, streams: Streams, *, dev: bool = False, workers_expected: bool = False
) -> NativeDoor:
    """Return what the native API needs. Its streams are the caller's to stop."""
    settings = application.settings
    return NativeDoor(
        desk=desk,
        tokens=application.token_desk(NATIVE_TOKEN_MINUTES),
        streams=streams,
        static_tokens=static_tokens(settings.native_tokens),
        dev=dev,
        workers_expected=workers_expected,
        rates=Rates(settings.requests_per_minute),
        max_body_bytes=settings.max_body_bytes,
        max_upload_bytes=settings.native_max_upload_bytes,
    )
