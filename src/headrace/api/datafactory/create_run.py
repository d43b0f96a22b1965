"""createRun (4.1 and 6): a new run of a pipeline, by hand."""

import hmac
import json
import re
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from headrace.api.datafactory.bodies import DocumentBody, object_of
from headrace.api.datafactory.compiled import Pipeline
from headrace.api.datafactory.door import DataFactoryDoor
from headrace.api.datafactory.errors import Fault, Refusal, bad_request, missing_document
from headrace.api.datafactory.gateway import Factory, InFactory, hold_factory
from headrace.api.datafactory.global_parameters import values_of
from headrace.api.datafactory.new_runs import (
    Origin,
    Reference,
    RunDraft,
    check_definition,
    run_of,
)
from headrace.api.datafactory.parameters import Parameters, make_parameters
from headrace.api.datafactory.paths import FACTORY
from headrace.api.datafactory.pipeline_runs import find_run, unknown_run
from headrace.api.datafactory.queries import flag_in, words_in
from headrace.api.datafactory.translate.plan import activities_of
from headrace.api.datafactory.wire import Item, answer, date
from headrace.core.clock import Instant
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.planning import PlanMode
from headrace.core.run import Run
from headrace.service.recoveries import Recovery, recover_run
from headrace.service.runs import queue_first_run
from headrace.service.sealing import Sealer
from headrace.store.database import Transaction
from headrace.store.run_pages import queued

router = APIRouter(prefix=FACTORY)

MANUAL = "Manual"
"""What runs that somebody asked for are invoked by."""
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_RETRY_AFTER = {"retry-after": "30"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a request for a run says, beside the pipeline: its query and its body."""

    reference: Reference
    override: bool
    given: Mapping[str, Json]

    def digests(self, pipeline: str, sealer: Sealer) -> tuple[str, ...]:
        """Return what two requests have in common that ask for the same, by each key that there is: the newest one's first.

        They are keyed since they stay in the ledger, and there may be secrets in the body that are short enough to be guessed.
        """
        facts = [pipeline.lower(), self.reference.shown(), self.override, self.given]
        text = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
        return tuple(hmac.digest(key, text, "sha256").hex() for key in sealer.signing_keys("createRun"))


@dataclass(frozen=True, slots=True)
class Basis:
    """What a run is made from: the pipeline, the run that is referred to, and how that one is recovered (None: it is not)."""

    pipeline: Pipeline
    referenced: Run | None
    recovery: Recovery | None


@router.post("/pipelines/{pipeline}/createrun")
def create_run(pipeline: str, request: Request, factory: InFactory, body: DocumentBody) -> Response:
    """Make a run of a pipeline; the same request again, by its ``x-ms-client-request-id``, answers with the first run."""
    asked = read_asked(request, object_of(body, optional=True))
    return answer({"runId": make_run(factory, pipeline, asked, _wanted_id(request))})


def make_run(factory: Factory, pipeline: str, asked: Asked, wanted: str | None) -> str:
    """Return the id of the run that is asked for: ``wanted``, where it is given and no other request's; the same request again makes no other.

    Raises:
        Refusal: what is asked for cannot be.
    """
    digests = asked.digests(pipeline, factory.door.sealer)
    made = None if wanted is None else _made_before(factory, wanted, digests)
    return _create(factory, pipeline, asked, digests, wanted) if made is None else made


def read_asked(request: Request, given: Item) -> Asked:
    """Return what the query and the body of a request for a run say.

    Raises:
        Refusal: 400: a value of the query cannot be read, or asks for a recovery of nothing.
    """
    query = words_in(request)
    reference = Reference(
        run_id=query.get("referencepipelinerunid"),
        is_recovery=flag_in(request, "isRecovery"),
        start_activity=query.get("startactivityname"),
        from_failure=flag_in(request, "startFromFailure"),
    )
    if reference.is_recovery and reference.run_id is None:
        raise bad_request("isRecovery=true needs referencePipelineRunId, the run that is to be recovered.")
    return Asked(reference=reference, override=bool(flag_in(request, "overrideParameters")), given=given)


def find_pipeline(factory: Factory, tx: Transaction, name: str) -> Pipeline:
    """Return the pipeline that a run is asked of.

    Raises:
        Refusal: 404.
    """
    found = factory.door.pipelines.find(tx, factory.scope, name, factory.door.sealer)
    if found is None:
        raise missing_document(f"pipeline/{name}")
    return found


def find_referenced(factory: Factory, tx: Transaction, pipeline: Pipeline, run_id: str) -> Run:
    """Return the run that another one refers to.

    Raises:
        Refusal: 400: it is no id, no run of this factory, or another pipeline's.
    """
    not_valid = Refusal(
        Fault.RUN_REFERENCE_NOT_VALID,
        f"Referenced pipeline run id {run_id} is not a valid run id.",
        f"pipeline/{pipeline.name}/",
    )
    if not _UUID.fullmatch(run_id):
        raise not_valid
    run = find_run(tx, factory, run_id)
    if run is None:
        raise unknown_run(run_id, Fault.RUN_REFERENCE_NOT_FOUND)
    if run.flow_id != pipeline.flow_id:
        raise not_valid
    return run


def basis_of(factory: Factory, tx: Transaction, name: str, asked: Asked) -> Basis:
    """Return what a run of the pipeline ``name`` is made from.

    Raises:
        Refusal: 404: no such pipeline; 400: the run that is referred to, or the activity to begin with.
    """
    pipeline = find_pipeline(factory, tx, name)
    reference = asked.reference
    referenced = None if reference.run_id is None else find_referenced(factory, tx, pipeline, reference.run_id)
    return Basis(pipeline, referenced, _recovery(pipeline, reference) if reference.is_recovery else None)


def parameters_for(factory: Factory, basis: Basis, asked: Asked) -> Parameters:
    """Return the parameters of the run: those of the run that is referred to, with the body's over them where that is asked for.

    Raises:
        Refusal: 400: one is missing, or of another type.
    """
    given = asked.given
    pipeline, referenced = basis.pipeline, basis.referenced
    if referenced is not None:
        given = {**referenced.parameters, **(asked.given if asked.override else {})}
    return make_parameters(pipeline.declared, given, pipeline.target, factory.door.sealer, factory.scope)


def _recovery(pipeline: Pipeline, reference: Reference) -> Recovery:
    wanted = reference.start_activity
    if wanted is None:
        return Recovery(PlanMode.FROM_FAILURE if reference.from_failure else PlanMode.ALL)
    found = [activity.name for activity in activities_of(pipeline.plan) if activity.name.lower() == wanted.lower()]
    if not found:
        text = f"The activity '{wanted}', with which the run was to begin, is not in the pipeline '{pipeline.name}'."
        raise bad_request(text, pipeline.target)
    return Recovery(PlanMode.FROM_ACTIVITY, found[0])


def by_hand(factory: Factory, now: Instant) -> Origin:
    """Return the origin of a run that is asked for by a request."""
    invocation = uuid.UUID(factory.door.ids.uuid()).hex
    return Origin(
        invoked_by={"id": invocation, "name": MANUAL, "invokedByType": MANUAL},
        trigger={"type": MANUAL, "id": invocation, "name": MANUAL, "time": date(now)},
        who=factory.who,
    )


def _wanted_id(request: Request) -> str | None:
    given = request.headers.get("x-ms-client-request-id", "").strip()
    return given.lower() if _UUID.fullmatch(given) else None


def _made_before(factory: Factory, run_id: str, digests: tuple[str, ...]) -> str | None:
    """Return the id if a request like this one has made the run with it."""
    with factory.door.database.reading() as tx:
        run = find_run(tx, factory, run_id)
    return run.id if run is not None and run.details.get("request") in digests else None


def _create(factory: Factory, name: str, asked: Asked, digests: tuple[str, ...], wanted: str | None) -> str:
    """Return the id of a new run: the one that is wanted, unless it is taken."""
    door = factory.door
    run_id = wanted or door.ids.uuid()
    now = door.clock.now()
    with door.database.reading() as tx:
        basis = basis_of(factory, tx, name, asked)
        shared = values_of(tx, factory.scope)
    draft = RunDraft(
        run_id=run_id,
        pipeline=basis.pipeline,
        parameters=parameters_for(factory, basis, asked),
        global_parameters=shared,
        factory=factory.name,
        origin=by_hand(factory, now),
        reference=asked.reference,
        request=digests[0],
    )
    check_definition(basis.pipeline, run_id)
    try:
        return _queue(factory, draft, basis, now)
    except Problem as problem:
        if problem.code is not Code.CONFLICT or wanted is None:
            raise
    # The id is another run's, or the same request came twice at the same moment.
    return _made_before(factory, wanted, digests) or _create(factory, name, asked, digests, None)


def _queue(factory: Factory, draft: RunDraft, basis: Basis, now: Instant) -> str:
    run = run_of(draft, now)
    with factory.door.database.transaction() as tx:
        hold_factory(tx, factory, share=True)
        check_waiting(factory.door, tx, draft.pipeline)
        if basis.recovery is None or basis.referenced is None:
            queue_first_run(tx, run)
        else:
            with recovery_refusals(basis.pipeline):
                recover_run(tx, basis.referenced.id, run, basis.recovery)
    return run.id


@contextmanager
def recovery_refusals(pipeline: Pipeline) -> Iterator[None]:
    """Let what the planner refuses name the pipeline as its target."""
    try:
        yield
    except Problem as problem:
        if problem.code is not Code.INVALID:
            raise
        raise bad_request(problem.message, pipeline.target) from problem


def check_waiting(door: DataFactoryDoor, tx: Transaction, pipeline: Pipeline) -> None:
    """Check that not too many runs of the pipeline wait already (4.1, 5).

    Raises:
        Refusal: 429.
    """
    limit = door.waiting_runs
    if queued(tx, pipeline.scope, pipeline.flow_id, limit) >= limit:
        raise Refusal(
            Fault.TOO_MANY,
            f"{limit} runs of the pipeline '{pipeline.name}' are waiting already; come again when some of them have begun.",
            pipeline.target,
            _RETRY_AFTER,
        )
