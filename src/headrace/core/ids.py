"""Ids as an argument: who makes things is handed a source of ids, so tests can foresee them."""

import uuid
from typing import Protocol

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


class Ids(Protocol):
    """Makes ids that nobody can guess."""

    def uuid(self) -> str:
        """Return a random UUID (version 4), lower case with hyphens: runs, flows, connections."""
        ...

    def ulid(self) -> str:
        """Return a 26-character ULID: batches. Ids made later sort later (to the millisecond)."""
        ...


def ulid_of(milliseconds: int, randomness: int) -> str:
    """Return the ULID of a time (ms since the epoch, 48 bits) and 80 random bits, in Crockford's base 32."""
    value = ((milliseconds & ((1 << 48) - 1)) << 80) | (randomness & ((1 << 80) - 1))
    return "".join(_CROCKFORD[(value >> shift) & 31] for shift in range(125, -1, -5))


def derived_uuid(*parts: str) -> str:
    """Return the UUID (version 5) that always belongs to ``parts``: a name that outlives tries."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, "headrace:" + "\x1f".join(parts)))
