"""Mapping rules for two blueprints (contract 11.3); nothing of it is kept."""

from fastapi import APIRouter
from starlette.responses import Response

from headrace.api.jobs.bodies import Object
from headrace.api.jobs.errors import bad_request
from headrace.api.jobs.gateway import ByActor
from headrace.api.jobs.members import Members
from headrace.api.jobs.wire import Item, data
from headrace.core.automap import Match, match
from headrace.core.blueprint_reading import blueprint_with
from headrace.core.shapes import Shapes

router = APIRouter()


@router.post("/mapping")
def create_mapping(actor: ByActor, body: Object) -> Response:
    """Propose rules that take the fields of one blueprint to those of another."""
    del actor
    asked = Members(body)
    if asked.flag("save"):
        raise bad_request("Saved mapping programs are not supported; leave save out", "save")
    source, destination = asked.object("source"), asked.object("destination")
    for name in ("source", "destination"):
        if not asked.has(name):
            asked.wrong(name, "is required")
    asked.done()
    shapes = Shapes()
    here = blueprint_with(shapes, source or {}, "source.")
    there = blueprint_with(shapes, destination or {}, "destination.")
    shapes.finish("the blueprints")
    return data(
        {
            "rules": [_rule(pair) for pair in match(here, there)],
            "sourceKeys": [field.key for field in here.fields],
            "destinationKeys": [field.key for field in there.fields],
        }
    )


@router.get("/mapping", include_in_schema=False)
@router.api_route("/mapping/{rest:path}", methods=["GET", "POST", "PUT", "PATCH", "DELETE"], include_in_schema=False)
def refuse_saved(rest: str = "") -> Response:
    """Refuse what is about saved programs."""
    del rest
    raise bad_request("Saved mapping programs are not supported; send both blueprints to POST /mapping")


def _rule(pair: Match) -> Item:
    name = f"Assign {pair.source.label} to {pair.destination.label}"
    rule = {"type": "assign", "sourceField": pair.source.key, "destinationField": pair.destination.key, "name": name}
    return {"name": name, "type": "assign", "config": rule}
