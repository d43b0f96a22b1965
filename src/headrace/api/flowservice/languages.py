"""The mapping language (8.1): is an expression one, and which functions and operators there are."""

import json
from functools import cache
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.responses import JSONResponse, Response

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.gateway import NeighbourTenant, Tenant
from headrace.api.flowservice.translate.expressions import check_expression
from headrace.api.flowservice.translate.functions import function_list, operator_list
from headrace.api.flowservice.wire import Item, body_object, object_in, text_in
from headrace.core.errors import Problem
from headrace.core.explore import TryMapping
from headrace.core.run import RejectCode
from headrace.http.bodies import Body, json_body

router = APIRouter(prefix="/data/foundation/conversion/languages/el")
MAX_LENGTH = 4096
"""Characters of a calculated field (7.6)."""


@router.post("/validate")
def validate_expression(tenant: NeighbourTenant, body: Annotated[Body, Depends(json_body)]) -> Response:
    """Say whether an expression can be used; with sample data: whether it can be used on them."""
    given = body_object(body)
    text = text_in(given, "expression") or text_in(object_in(given, "expression"), "expression")
    if not text.strip():
        raise Refusal(Fault.MISSING, "the field expression is missing; a text is expected")
    return JSONResponse(_is_valid(tenant, text, _sample(given.get("sampleData"))))


@router.get("/functions")
def list_functions(_: NeighbourTenant) -> Response:
    """List the functions of expressions."""
    return JSONResponse(_functions())


@router.get("/operators")
def list_operators(_: NeighbourTenant) -> Response:
    """List the operators of expressions."""
    return JSONResponse(operator_list())


@cache
def _functions() -> list[Item]:
    return function_list()


def _is_valid(tenant: Tenant, text: str, sample: Item | None) -> bool:
    if len(text) > MAX_LENGTH:
        return False
    try:
        check_expression(text)
    except Problem:
        return False
    if sample is None:
        return True
    # That it fails on this row says something of the row; that it cannot be compiled for rows like it, of the expression.
    tried = tenant.door.explore(TryMapping((sample,), {"value": text}))
    return all(error.code == RejectCode.TRANSFORM for error in tried.errors)


def _sample(data: Any) -> Item | None:
    """Return one row of sample data, which may be a JSON text; None: there is none that could be read."""
    if isinstance(data, str):
        try:
            data = json.loads(data)
        except (ValueError, RecursionError):
            return None
    if isinstance(data, list) and data:
        data = data[0]
    return data if isinstance(data, dict) else None
