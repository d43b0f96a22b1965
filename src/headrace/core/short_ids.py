"""Ids of the workspace: ``us_<kind>_<suffix>``, short enough to be read aloud."""

import string
import uuid

from headrace.core.ids import Ids

_ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
_SUFFIX = 8
_EVENT_SUFFIX = 16
"""There are many more events than other things, and nobody types their ids."""

EVENT = "evt"
RECORD = "rc"


def short_id(kind: str, ids: Ids) -> str:
    """Return a new id: ``env acc sp wb sh fl jb vr ss usr key ag app dc ac sec mp`` and ``evt`` are the kinds; records have ``record_id``."""
    length = _EVENT_SUFFIX if kind == EVENT else _SUFFIX
    # A random UUID has 122 random bits; its fixed ones are at places that the low digits do not depend on alone.
    number = uuid.UUID(ids.uuid()).int
    letters = []
    for _ in range(length):
        number, digit = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[digit])
    return f"us_{kind}_{''.join(letters)}"


def record_id(hexadecimal: str) -> str:
    """Return the id of a record whose 32 hexadecimal digits are given."""
    return f"us_{RECORD}_{hexadecimal}"
