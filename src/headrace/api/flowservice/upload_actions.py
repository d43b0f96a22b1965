"""What a client may do with a batch of its own (12): complete it, give it up, take it back."""

from headrace.api.flowservice.batches import find_batch
from headrace.api.flowservice.datasets import KIND as DATASETS
from headrace.api.flowservice.entities import Entity
from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.mapping_sets import KIND as MAPPING_SETS
from headrace.api.flowservice.mapping_sets import version_of
from headrace.api.flowservice.registry import resolve
from headrace.api.flowservice.schemas import KIND as SCHEMAS
from headrace.api.flowservice.schemas import schema_key
from headrace.api.flowservice.shelf import find, find_or_none
from headrace.api.flowservice.translate.batch import BatchRecord
from headrace.api.flowservice.translate.expressions import check_expression
from headrace.api.flowservice.translate.ingestion import (
    MAX_HEADER_BYTES,
    UploadParts,
    by_paths,
    columns_of,
    make_upload_plan,
    read_format,
)
from headrace.api.flowservice.translate.mapping import expressions, unusable, widened
from headrace.api.flowservice.translate.schema import is_open, read_schema
from headrace.api.flowservice.wire import Item, list_in, object_in, text_in
from headrace.core.schema import Schema
from headrace.core.settings import RevertSettings
from headrace.core.source import FileType
from headrace.core.upload import Standing, Upload, UploadState
from headrace.service import uploads
from headrace.service.runs import cancel_run
from headrace.service.uploads import UploadDesk


def check_references(tenant: Tenant, dataset: Entity, body: Item, table: str) -> None:
    """Check what a new upload refers to: its mapping set, and the batches that it is to replace.

    Raises:
        Refusal: 400: one that is not there, cannot be used, or is for another dataset.
    """
    _mapping(tenant, dataset, body, ())
    _reverting(tenant, body, table)


def complete(tenant: Tenant, desk: UploadDesk, record: BatchRecord) -> None:
    """Let a run promote what has come; again changes nothing.

    Raises:
        Refusal: 400: the files' columns, or the mapping set, cannot be used. Problem: as ``uploads.complete_upload``.
    """
    upload = _upload_of(record, "COMPLETE")
    if upload.state is UploadState.LOADED or (upload.state is UploadState.FAILED and "failure" in upload.body):
        return
    dataset = find(tenant, DATASETS, upload.dataset)
    body: Item = dict(upload.body)
    form = read_format(object_in(body, "inputFormat"))
    columns: tuple[str, ...] = ()
    if form.type is FileType.DELIMITED:
        columns = columns_of(form, uploads.beginning_of_first(desk, upload, MAX_HEADER_BYTES) or b"")
    schema, mapping = _mapping(tenant, dataset, body, columns)
    parts = UploadParts(upload.id, upload.table, schema, body, mapping, _reverting(tenant, body, upload.table))
    details = {"user": tenant.user, "client": tenant.client, "requestId": tenant.request_id, "upload": upload.id}
    uploads.complete_upload(desk, upload, lambda sent: make_upload_plan(parts, sent), details, tenant.user)


def abort(tenant: Tenant, desk: UploadDesk, record: BatchRecord) -> None:
    """Stop a batch: while it is loading at once, later by cancelling its run.

    Raises:
        Problem: ``ILLEGAL_STATE``: it has ended.
    """
    upload = _upload_of(record, "ABORT")
    if upload.run_id is None:
        uploads.end_upload(desk, upload, UploadState.ABORTED, tenant.user)
    elif record.standing is not Standing.ABORTED:
        cancel_run(desk.database, tenant.scope, upload.run_id, tenant.user, desk.clock)


def fail(tenant: Tenant, desk: UploadDesk, record: BatchRecord) -> None:
    """Declare a batch that is loading failed.

    Raises:
        Problem: ``ILLEGAL_STATE``: it is loading no more.
    """
    upload = _upload_of(record, "FAIL")
    if record.standing is Standing.FAILED:
        return
    uploads.end_upload(desk, upload, UploadState.FAILED, tenant.user)


def revert(tenant: Tenant, desk: UploadDesk, record: BatchRecord) -> None:
    """Take a batch's rows back out of its dataset, whoever made it; it is ``inactive`` when that is done.

    Raises:
        Problem: ``ILLEGAL_STATE``: nothing of it was committed.
    """
    if record.batch is None:
        raise Refusal(
            Fault.ACTION_STATE, f"the batch {record.id} is {record.standing.value}: nothing of it can be reverted"
        )
    details = {"user": tenant.user, "client": tenant.client, "requestId": tenant.request_id, "revert": record.id}
    uploads.revert_batch(desk, tenant.scope, record.id, details, tenant.user)


def _upload_of(record: BatchRecord, action: str) -> Upload:
    if record.upload is None:
        raise Refusal(Fault.ACTION_STATE, f"{action}: the files of batch {record.id} were not sent by a client")
    return record.upload


def _mapping(
    tenant: Tenant, dataset: Entity, body: Item, columns: tuple[str, ...]
) -> tuple[Schema, dict[str, str] | None]:
    """Return the dataset's columns and the mapping to them: of the mapping set, else of CSV columns by their names, else none."""
    key = schema_key(text_in(object_in(dataset.item, "schemaRef"), "id"))
    resource = resolve(tenant, find(tenant, SCHEMAS, key or "").item)
    schema, opened = read_schema(resource), is_open(resource)
    mapping: dict[str, str] | None = None
    if text_in(body, "mappingSetId"):
        found = find_or_none(tenant, MAPPING_SETS, text_in(body, "mappingSetId"))
        if found is None:
            raise Refusal(
                Fault.MAPPING_INVALID, f"the mapping set {text_in(body, 'mappingSetId')[:100]!r} does not exist"
            )
        mappings = version_of(found, body.get("mappingSetVersion"))[1]["mappings"]
        bad = unusable(mappings, schema, check_expression, is_open=opened)
        if bad:
            texts = "; ".join(f"{one.destination}: {one.message}" for one in bad[:20])
            raise Refusal(Fault.MAPPING_INVALID, f"{len(bad)} mappings cannot be used: {texts}")
        mapping = expressions(mappings, check_expression)
    elif columns:
        known = widened(schema, columns) if opened else schema
        mapping = by_paths(columns, known)
    if mapping is not None and opened:
        schema = widened(schema, tuple(mapping))
    return schema, mapping


def _reverting(tenant: Tenant, body: Item, table: str) -> RevertSettings | None:
    """Return what takes the batches back that an upload replaces."""
    found = []
    for predecessor in list_in(body, "predecessors"):
        record = find_batch(tenant, str(predecessor))
        if record.batch is None or record.batch.table != table:
            raise Refusal(Fault.VALUE, f"replay.predecessors: {predecessor!r} is no batch of this dataset with rows")
        if record.standing not in {Standing.COMMITTED, Standing.REVERTED}:
            what = f"is {record.standing.value}; only batches that succeeded can be replaced"
            raise Refusal(Fault.VALUE, f"replay.predecessors: {predecessor!r} {what}")
        found.append(record.batch)
    return uploads.revert_settings(found) if found else None
