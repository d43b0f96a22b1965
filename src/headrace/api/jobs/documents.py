"""Documents of spaces (contract 12.9)."""

from fastapi import APIRouter
from starlette.responses import Response

from headrace.api.jobs.bodies import Object
from headrace.api.jobs.gateway import AtDoor, ByActor
from headrace.api.jobs.translate.workspace import document_item
from headrace.api.jobs.wire import data, success
from headrace.service.workspace import documents

router = APIRouter()


@router.get("/spaces/{space_id}/documents")
def list_documents(space_id: str, door: AtDoor, actor: ByActor) -> Response:
    """List the documents of a space."""
    return data([document_item(document) for document in documents.list_all(door.workspace, actor, space_id)])


@router.post("/spaces/{space_id}/documents")
def create_document(space_id: str, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Make a document."""
    return data(document_item(documents.create(door.workspace, actor, space_id, body)))


@router.get("/spaces/{space_id}/documents/{document_id}")
def get_document(space_id: str, document_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Show a document."""
    return data(document_item(documents.get(door.workspace, actor, space_id, document_id)))


@router.patch("/spaces/{space_id}/documents/{document_id}")
def update_document(space_id: str, document_id: str, door: AtDoor, actor: ByActor, body: Object) -> Response:
    """Change a document."""
    return data(document_item(documents.patch(door.workspace, actor, space_id, document_id, body)))


@router.delete("/spaces/{space_id}/documents/{document_id}")
def delete_document(space_id: str, document_id: str, door: AtDoor, actor: ByActor) -> Response:
    """Remove a document."""
    documents.remove(door.workspace, actor, space_id, document_id)
    return success()
