"""Pipelines (contract 3): a document, and the flow that its runs are runs of, written together."""

from headrace.api.datafactory.checks import check_pipeline
from headrace.api.datafactory.gateway import Factory
from headrace.api.datafactory.inference import repair_pipeline
from headrace.api.datafactory.resources import Collection, router_of
from headrace.api.datafactory.translate.flow import flow_id_of
from headrace.api.datafactory.translate.plan import compile_plan
from headrace.api.datafactory.wire import Item
from headrace.core.clock import Instant
from headrace.core.errors import Code, Problem
from headrace.core.flow import Flow
from headrace.service.documents import Document
from headrace.service.flows import erase_flow, write_flow
from headrace.store.database import Transaction

KIND = "pipeline"


def flow_of(scope: str, document: Document) -> Flow:
    """Return the flow that a pipeline's document describes. Its secrets stay sealed."""
    properties = document.body["properties"]
    given: Item = dict(properties) if isinstance(properties, dict) else {}
    return Flow(
        id=flow_id_of(scope, document.name),
        scope=scope,
        name=document.name,
        plan=compile_plan(document.name, given),
        concurrency=given.get("concurrency"),
        labels={"pipeline": document.name},
    )


def _check(_factory: Factory, _name: str, properties: Item) -> Item:
    repaired = repair_pipeline(properties)
    check_pipeline(repaired)
    return repaired


def _write_flow(tx: Transaction, factory: Factory, document: Document, now: Instant) -> None:
    write_flow(tx, flow_of(factory.scope, document), factory.who, now)


def _erase_flow(tx: Transaction, factory: Factory, document: Document, now: Instant) -> None:
    """Remove the flow; each run goes on with the definition that it was created from."""
    erase_pipeline_flow(tx, factory.scope, document.name, factory.who, now)


def erase_pipeline_flow(tx: Transaction, scope: str, name: str, who: str, now: Instant) -> None:
    """Remove the flow of the pipeline ``name``, if it is there."""
    try:
        erase_flow(tx, scope, flow_id_of(scope, name), who, now)
    except Problem as problem:
        if problem.code is not Code.NOT_FOUND:
            raise


PIPELINES = Collection(kind=KIND, segment="pipelines", check=_check, along=_write_flow, along_removal=_erase_flow)
router = router_of(PIPELINES)
