"""What a service may say of a run (``PUT /runs/{id}``, 3.5)."""

from collections.abc import Mapping

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.flow_records import find_flow
from headrace.api.flowservice.gateway import Tenant
from headrace.api.flowservice.run_records import find_run
from headrace.api.flowservice.wire import Item, object_in, text_in

_FIELDS: Mapping[str, type] = {
    "flowId": str,
    "flowSpec": dict,
    "providerRefId": str,
    "parentFlowRunId": str,
    "childFlowRunIds": list,
    "params": dict,
    "predecessors": list,
    "metrics": dict,
    "activities": list,
    "recordTypes": list,
}
_NOUNS: Mapping[type, str] = {str: "text", dict: "object", list: "list"}


def read_told(tenant: Tenant, body: Item) -> Item:
    """Return the fields of ``body`` that are to be shown in the place of the run's own.

    Raises:
        Refusal: 1405-400: none of them; 1312-400: one of another type; 1430-400: flow unknown; 1428-400, 1429-400: predecessor's run or flow unknown.
    """
    fields = {name: body[name] for name in _FIELDS if name in body}
    if not fields:
        raise Refusal(Fault.NO_BODY, f"the body has nothing that can be changed; what can is {', '.join(_FIELDS)}")
    for name, value in fields.items():
        if not isinstance(value, _FIELDS[name]):
            raise Refusal(Fault.VALUE, f"{name} is no {_NOUNS[_FIELDS[name]]}")
    if "flowId" in fields and find_flow(tenant, fields["flowId"]) is None:
        raise Refusal(Fault.RUN_FLOW_UNKNOWN, f"the flow {fields['flowId'][:200]!r} does not exist")
    status = object_in(object_in(fields, "metrics"), "statusSummary").get("status")
    if "metrics" in fields and not isinstance(status, str):
        raise Refusal(Fault.VALUE, "metrics.statusSummary.status is missing; a text is expected")
    for position, one in enumerate(fields.get("predecessors", [])):
        _check_predecessor(tenant, one, f"predecessors[{position}]")
    return fields


def _check_predecessor(tenant: Tenant, given: object, where: str) -> None:
    if not isinstance(given, Mapping):
        raise Refusal(Fault.VALUE, f"{where} is no object with flowRunId and flowId")
    run_id, flow_id = text_in(given, "flowRunId"), text_in(given, "flowId")
    try:
        run = find_run(tenant, run_id).run
    except Refusal as refusal:
        raise Refusal(Fault.PREDECESSOR_RUN, f"{where}: the run {run_id[:200]!r} does not exist") from refusal
    if "flowId" in given and flow_id != run.flow_id and find_flow(tenant, flow_id) is None:
        raise Refusal(Fault.PREDECESSOR_FLOW, f"{where}: the flow {flow_id[:200]!r} does not exist")
