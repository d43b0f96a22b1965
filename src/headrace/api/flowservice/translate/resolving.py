"""XDM resources, resolved: what ``$ref`` and ``allOf`` name becomes properties in place (10)."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from headrace.api.flowservice.errors import Fault, Refusal
from headrace.api.flowservice.translate.parts import BUILT_IN, XDM
from headrace.api.flowservice.wire import Item, list_in, text_in

MAX_DEPTH = 40
MAX_NODES = 50_000
"""Definitions that one resource may have when it is resolved."""

_STEERING = frozenset({"allOf", "$ref", "definitions"})
_MAPS = frozenset({"properties", "definitions"})
_LOCAL = re.compile(r"#/definitions/([^/]+)((?:/[^/]+)*)")

Find = Callable[[str], Mapping[str, Any] | None]
"""Returns the tenant's own resource with this ``$id``, or None."""


@dataclass(slots=True)
class _Resolver:
    """One resolution: what is looked up, what of Adobe's was met, and how much there is already."""

    find: Find
    met: dict[str, None] = field(default_factory=dict)
    nodes: int = 0

    def resolved(self, node: Mapping[str, Any], root: Mapping[str, Any], above: tuple[str, ...], depth: int) -> Item:
        """Return ``node`` without ``allOf`` and ``$ref``, what they name merged in, the node's own fields winning."""
        self.nodes += 1
        if depth > MAX_DEPTH or self.nodes > MAX_NODES:
            raise Refusal(
                Fault.VALUE, f"the schema is nested more than {MAX_DEPTH} deep, or has more than {MAX_NODES} parts"
            )
        result: Item = {}
        reference = text_in(node, "$ref")
        if reference:
            result = self._referred(reference, root, above, depth)
        for part in list_in(node, "allOf"):
            if isinstance(part, Mapping):
                result = merged(result, self.resolved(part, root, above, depth + 1))
        own = {name: value for name, value in node.items() if name not in _STEERING}
        properties = node.get("properties")
        if isinstance(properties, Mapping):
            own["properties"] = {
                name: self.resolved(value, root, above, depth + 1) if isinstance(value, Mapping) else value
                for name, value in properties.items()
            }
        if isinstance(node.get("items"), Mapping):
            own["items"] = self.resolved(node["items"], root, above, depth + 1)
        return merged(result, own)

    def _referred(self, reference: str, root: Mapping[str, Any], above: tuple[str, ...], depth: int) -> Item:
        if reference in above:
            raise Refusal(Fault.VALUE, f"$ref {reference[:200]!r} refers to itself")
        inside = (*above, reference)
        if reference.startswith("#"):
            return self.resolved(_local(reference, root), root, inside, depth + 1)
        if reference.startswith(XDM):
            self.met[reference] = None
            part = BUILT_IN.get(reference)
            return {} if part is None else _fields(self.resolved(part, part, inside, depth + 1))
        found = self.find(reference)
        if found is None:
            raise Refusal(Fault.VALUE, f"$ref {reference[:200]!r} is not known in this sandbox")
        return _fields(self.resolved(found, found, inside, depth + 1))


def resolve(resource: Item, find: Find) -> Item:
    """Return ``resource`` with all that it refers to among its own ``properties`` and ``required``.

    ``allOf`` then names nothing but the parts of Adobe's that were met (built in or not): they say the schema's behaviour, and whether it is open.

    Raises:
        Refusal: 400: a ``$ref`` of the tenant's, or a local one, that leads nowhere or to itself; too deep, too large.
    """
    resolver = _Resolver(find)
    result = resolver.resolved(resource, resource, (), 1)
    result["allOf"] = [{"$ref": reference} for reference in resolver.met]
    result.setdefault("properties", {})
    return result


def merged(first: Mapping[str, Any], second: Mapping[str, Any]) -> Item:
    """Return both together: properties deeply, ``required`` as a union, and for all else the second's word."""
    result = {**first, **second}
    if isinstance(first.get("properties"), Mapping) and isinstance(second.get("properties"), Mapping):
        properties = dict(first["properties"])
        for name, value in second["properties"].items():
            known = properties.get(name)
            both = isinstance(known, Mapping) and isinstance(value, Mapping)
            properties[name] = merged(known, value) if both else value  # type: ignore[arg-type]  # both are objects then
        result["properties"] = properties
    if "required" in first and "required" in second:
        result["required"] = list(dict.fromkeys([*list_in(first, "required"), *list_in(second, "required")]))
    return result


def references_of(resource: object) -> tuple[str, ...]:
    """Return every ``$ref`` that stands anywhere in ``resource``, each once."""
    found: dict[str, None] = {}
    pending: list[object] = [resource]
    while pending:
        item = pending.pop()
        if isinstance(item, Mapping):
            if isinstance(item.get("$ref"), str):
                found[item["$ref"]] = None
            pending.extend(item.values())
        elif isinstance(item, Sequence) and not isinstance(item, str):
            pending.extend(item)
    return tuple(found)


def without_texts(resource: Mapping[str, Any]) -> Item:
    """Return ``resource`` without titles and descriptions (``-notext``); properties that are called so stay."""
    result: Item = {}
    for name, value in resource.items():
        if name in {"title", "description"}:
            continue
        if name in _MAPS and isinstance(value, Mapping):
            result[name] = {key: without_texts(one) if isinstance(one, Mapping) else one for key, one in value.items()}
        elif isinstance(value, Mapping):
            result[name] = without_texts(value)
        elif name == "allOf" and isinstance(value, list):
            result[name] = [without_texts(one) if isinstance(one, Mapping) else one for one in value]
        else:
            result[name] = value
    return result


def _fields(part: Item) -> Item:
    """Return of a part what belongs to whoever refers to it: its fields, not its name."""
    return {name: part[name] for name in ("type", "properties", "required", "items") if name in part}


def _local(reference: str, root: Mapping[str, Any]) -> Mapping[str, Any]:
    match = _LOCAL.fullmatch(reference)
    value: Any = (
        root.get("definitions", {}).get(match[1]) if match and isinstance(root.get("definitions"), Mapping) else None
    )
    for step in match[2].split("/")[1:] if match else ():
        value = value.get(step) if isinstance(value, Mapping) else None
    if not isinstance(value, Mapping):
        raise Refusal(Fault.VALUE, f"$ref {reference[:200]!r} leads to no definition of this resource")
    return value
