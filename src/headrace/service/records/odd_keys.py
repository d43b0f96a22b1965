"""Reading and writing records whose fields have keys that no structure of msgspec can have: with quotation marks, backslashes, line breaks.

Headers of spreadsheets do have line breaks. Such records go through dictionaries: slower, and otherwise the same.
"""

import re
from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

import msgspec

from headrace.core.codec import Json

_ODD = re.compile(r'[\\"\x00-\x1f]')


def has_odd(keys: Sequence[str]) -> bool:
    """Say whether one of the keys can be no member of a structure."""
    return any(map(_ODD.search, keys))


class OddReader:
    """Decodes an array of objects to structures with a member for each of ``keys``, in their order; ``cell`` is the type of all of them.

    ``closed``: objects may have no other keys.
    """

    def __init__(self, keys: Sequence[str], cell: Any, default: Any, *, closed: bool = False) -> None:
        self._keys, self._default = tuple(keys), default
        self._known = set(keys) if closed else None
        self._objects: msgspec.json.Decoder[list[dict[str, Any]]] = msgspec.json.Decoder(list[dict[str, cell]])
        self._row = msgspec.defstruct("OddRow", [(f"f{number}", Any) for number in range(len(keys))], gc=False)

    def decode(self, raw: bytes | str) -> list[Any]:
        """Return the structures.

        Raises:
            msgspec.DecodeError: it is no JSON, or no array of such objects (``msgspec.ValidationError``).
        """
        objects = self._objects.decode(raw)
        if self._known is not None and not self._known.issuperset(chain.from_iterable(objects)):
            message = "an object has fields that are not known"
            raise msgspec.ValidationError(message)
        return [self._row(*[one.get(key, self._default) for key in self._keys]) for one in objects]


def odd_row(keys: Sequence[str]) -> Callable[..., dict[str, Json]]:
    """Return what makes an object of values in the order of ``keys``, without those that are None."""

    def row(*values: Json) -> dict[str, Json]:
        return {key: value for key, value in zip(keys, values, strict=True) if value is not None}

    return row


def odd_cells(keys: Sequence[str], missing: bytes) -> Callable[[str], tuple[Any, ...]]:
    """Return what reads the JSON of each of ``keys`` out of the text of one object; of an absent one it is ``missing``."""
    decoder = msgspec.json.Decoder(dict[str, msgspec.Raw])
    absent = msgspec.Raw(missing)

    def cells(text: str) -> tuple[Any, ...]:
        values = decoder.decode(text)
        return tuple(values.get(key, absent) for key in keys)

    return cells
