"""JSON Patch as the dialect has it (2.4): ``add``, ``replace``, ``remove`` in any case, all or nothing."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.wire import Item
from headrace.http.bodies import Body, Missing

_OPERATIONS = {"add", "replace", "remove"}
MAX_OPERATIONS = 1000


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation: ``path`` as its unescaped parts, ``pointer`` as it was sent."""

    op: str
    path: tuple[str, ...]
    pointer: str
    value: Any = None


def read_patch(body: Body) -> tuple[Operation, ...]:
    """Return the operations of a patch body: an array, or a single object.

    Raises:
        Refusal: 1405-400: none; 1000-400: no operations; 1434-400: another operation; 1455-400: no path.
    """
    if isinstance(body, Missing) or body is None or body == []:
        raise Refusal(Fault.NO_BODY, "the patch is empty; an array of operations is expected")
    items = [body] if isinstance(body, Mapping) else body
    if not isinstance(items, Sequence) or isinstance(items, str):
        raise Refusal(Fault.BODY, "the patch is no array of operations")
    if len(items) > MAX_OPERATIONS:
        raise Refusal(Fault.BODY, f"the patch has {len(items)} operations; the limit is {MAX_OPERATIONS}")
    return tuple(_operation(item) for item in items)


def written(operations: Sequence[Operation]) -> list[Item]:
    """Return operations as they are shown where a thing tells its last change."""
    return [
        {"op": one.op, "path": one.pointer} | ({} if one.op == "remove" else {"value": one.value}) for one in operations
    ]


def apply_patch(document: Item, operations: Sequence[Operation]) -> Item:
    """Return ``document`` with all ``operations`` applied; the document itself is left alone.

    Raises:
        Refusal: 1455-400: an operation names what is not there.
    """
    result = copy.deepcopy(document)
    for operation in operations:
        _apply(result, operation)
    return result


def _operation(item: object) -> Operation:
    if not isinstance(item, Mapping):
        raise Refusal(Fault.BODY, "an element of the patch is no object with op, path and value")
    op = item.get("op")
    if not isinstance(op, str) or op.lower() not in _OPERATIONS:
        raise Refusal(Fault.PATCH_OPERATION, f"the patch operation {op!r} is not supported; use add, replace or remove")
    pointer = item.get("path")
    if not isinstance(pointer, str) or not pointer.startswith("/"):
        raise Refusal(Fault.PATCH_PATH, f"Missing field {pointer!r}: a path such as /name is expected")
    parts = tuple(part.replace("~1", "/").replace("~0", "~") for part in pointer[1:].split("/"))
    return Operation(op.lower(), parts, pointer, item.get("value"))


def _apply(document: Item, operation: Operation) -> None:
    holder: Any = document
    for part in operation.path[:-1]:
        holder = _step(holder, part, operation)
    last = operation.path[-1]
    if isinstance(holder, dict):
        _apply_to_object(holder, last, operation)
    elif isinstance(holder, list):
        _apply_to_list(holder, last, operation)
    else:
        raise _missing(operation)


def _step(holder: Any, part: str, operation: Operation) -> Any:
    if isinstance(holder, dict) and part in holder:
        return holder[part]
    if isinstance(holder, list) and _is_index(part) and int(part) < len(holder):
        return holder[int(part)]
    raise _missing(operation)


def _apply_to_object(holder: Item, name: str, operation: Operation) -> None:
    if operation.op != "add" and name not in holder:
        raise _missing(operation)
    if operation.op == "remove":
        del holder[name]
    else:
        holder[name] = operation.value


def _apply_to_list(holder: list[Any], name: str, operation: Operation) -> None:
    index = len(holder) if name == "-" and operation.op == "add" else int(name) if _is_index(name) else -1
    last = len(holder) if operation.op == "add" else len(holder) - 1
    if not 0 <= index <= last:
        raise _missing(operation)
    if operation.op == "add":
        holder.insert(index, operation.value)
    elif operation.op == "remove":
        del holder[index]
    else:
        holder[index] = operation.value


def _is_index(name: str) -> bool:
    return name.isascii() and name.isdecimal() and len(name) < 10


def _missing(operation: Operation) -> Refusal:
    return Refusal(Fault.PATCH_PATH, f'Missing field "{operation.pointer}"')
