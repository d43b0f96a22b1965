"""Pipelines of Data Factory: what an engine needs to do their runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from headrace.activities.datafactory import dialect
from headrace.activities.datafactory.attempt import Attempt, Installation, Object, Result, activity
from headrace.activities.datafactory.azure_function import azure_function
from headrace.activities.datafactory.branches import if_condition, switch
from headrace.activities.datafactory.calls import Calling
from headrace.activities.datafactory.children import ChildEnd, ChildRequest, execute_pipeline
from headrace.activities.datafactory.copy import copy_data
from headrace.activities.datafactory.datasets import Connecting
from headrace.activities.datafactory.delete import delete
from headrace.activities.datafactory.get_metadata import get_metadata
from headrace.activities.datafactory.lookup import lookup
from headrace.activities.datafactory.loops import for_each, until
from headrace.activities.datafactory.moving import Moving
from headrace.activities.datafactory.script import script
from headrace.activities.datafactory.secret_source import SecretSource, TokenSource
from headrace.activities.datafactory.steps import fail, filter_items, wait
from headrace.activities.datafactory.stored_procedure import stored_procedure
from headrace.activities.datafactory.unsupported import Executors, unsupported
from headrace.activities.datafactory.validation import Looking, validation
from headrace.activities.datafactory.variables import append_variable, set_variable
from headrace.activities.datafactory.web import web
from headrace.activities.datafactory.web_hook import web_hook
from headrace.api.datafactory.child_runs import ChildRuns
from headrace.api.datafactory.secrets import open_secrets
from headrace.bootstrap.addresses import own_address
from headrace.bootstrap.application import Application
from headrace.bootstrap.batches import batch_id
from headrace.bootstrap.doors import make_data_factory_door
from headrace.config import environment
from headrace.core.database_urls import parse_database_urls
from headrace.core.dialect import Dialect
from headrace.core.executors import parse_executors
from headrace.core.mapped_folders import parse_mapped_folders
from headrace.core.run import Run
from headrace.core.task import ActivityFunction
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.files import FileStore
from headrace.dataplane.connectors.stores import open_store
from headrace.service.callbacks import CallbackTarget, callback_url
from headrace.service.sealing import Sealer
from headrace.store import documents, runs
from headrace.store.database import Database

_PIPELINE = "pipeline"
_RUNS_KEPT = 64


def dialects(application: Application) -> Mapping[str, Dialect]:
    """Return the dialects of plans, by their names."""
    return {dialect.NAME: dialect.PipelineDialect(application.clock, application.sealer)}


def pipeline_activities(application: Application) -> Mapping[str, ActivityFunction]:
    """Return what each kind of activity of a pipeline does, for an engine."""
    settings = application.settings
    shelf = FactoryDocuments(application.database, application.sealer)
    secrets = SecretSource(settings.datafactory_secrets, environment())
    calling = Calling(application.egress, secrets, TokenSource(settings.datafactory_token_url))
    children = DoorsChildren(ChildRuns(make_data_factory_door(application)))
    executors = Executors(parse_executors(settings.datafactory_activities), environment())

    def open_folder(scope: str, url: str) -> FileStore:
        return open_store(url, None, application.roots_of(scope).file_roots, application.limits)

    def open_remote(info: ConnectionInfo) -> FileStore:
        return open_store("", application.egress.pin(info), (), application.limits)

    looking = Looking(shelf, secrets, open_folder, open_remote, parse_mapped_folders(settings.datafactory_folders))

    moving = _moving(
        application,
        Connecting(
            shelf,
            application.egress.pin,
            lambda scope: application.roots_of(scope).file_roots,
            secrets,
            calling.tokens,
            parse_database_urls(settings.datafactory_databases),
            parse_mapped_folders(settings.datafactory_folders),
        ),
    )

    def call_back_at(run_id: str, path: str, attempt: int) -> str:
        target = CallbackTarget(run_id, path, attempt)
        return callback_url(own_address(application), target, application.sealer)

    functions: Mapping[str, Callable[[Attempt], Result]] = {
        "for_each": for_each,
        "until": until,
        "if": if_condition,
        "switch": switch,
        "filter": filter_items,
        "pipeline_wait": wait,
        "fail": fail,
        "set_variable": set_variable,
        "append_variable": append_variable,
        "execute_pipeline": lambda attempt: execute_pipeline(attempt, children),
        "web_hook": lambda attempt: web_hook(attempt, calling, call_back_at),
        "web": lambda attempt: web(attempt, calling, shelf),
        "azure_function": lambda attempt: azure_function(attempt, calling, shelf),
        "validation": lambda attempt: validation(attempt, looking),
        "copy_data": lambda attempt: copy_data(attempt, moving),
        "lookup": lambda attempt: lookup(attempt, moving),
        "script": lambda attempt: script(attempt, moving),
        "stored_procedure": lambda attempt: stored_procedure(attempt, moving),
        "get_metadata": lambda attempt: get_metadata(attempt, moving),
        "delete": lambda attempt: delete(attempt, moving),
        "unsupported": lambda attempt: unsupported(attempt, calling, executors),
    }
    installation = installation_of(application)
    return {kind: activity(installation, function) for kind, function in functions.items()}


@dataclass(frozen=True, slots=True)
class DoorsChildren:
    """Child runs, made as the door makes runs."""

    runs: ChildRuns

    def start(self, request: ChildRequest) -> str:
        """Return the id of the child run that ``request.caller`` has.

        Raises:
            Problem: as ``ChildRuns.start``.
        """
        return self.runs.start(request.caller, request.pipeline, request.parameters, request.recovers)

    def end_of(self, scope: str, run_id: str) -> ChildEnd:
        """Return how the child run stands.

        Raises:
            Problem: as ``ChildRuns.end_of``.
        """
        end = self.runs.end_of(scope, run_id)
        return ChildEnd(end.status, end.message, end.returned)


@dataclass(frozen=True, slots=True)
class FactoryDocuments:
    """The documents of factories, their secrets opened: for who executes them, never for a caller."""

    database: Database
    sealer: Sealer

    def find(self, scope: str, kind: str, name: str) -> tuple[str, Object] | None:
        """Return name and ``properties`` of a document; None: there is none.

        Raises:
            Problem: ``UNAVAILABLE``: the key that sealed its secrets is not here.
        """
        with self.database.reading() as tx:
            found = documents.find(tx, scope, kind, name.lower())
        properties = None if found is None else found.body.get("properties")
        if found is None or not isinstance(properties, Mapping):
            return None
        return found.name, open_secrets(properties, self.sealer, (scope, kind, found.id))


def _moving(application: Application, connecting: Connecting) -> Moving:
    return Moving(
        connecting,
        application.roots_of,
        application.limits,
        application.clock,
        application.egress,
        lambda task: batch_id(application, task),
    )


def installation_of(application: Application) -> Installation:
    """Return what all activities need of an installation."""

    # What is asked of a run here never changes, and one that goes on is asked for again and again.
    @lru_cache(maxsize=_RUNS_KEPT)
    def run_of(run_id: str) -> Run:
        with application.database.reading() as tx:
            return runs.get(tx, None, run_id)

    def open_of_pipeline(properties: Object, scope: str, pipeline: str) -> Object:
        return open_secrets(properties, application.sealer, (scope, _PIPELINE, pipeline.lower()))

    return Installation(application.clock, application.sealer, run_of, open_of_pipeline)
