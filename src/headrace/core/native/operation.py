"""Operations: the one description from which routes, the OpenAPI document, the remote client and the checks of rights are made."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from headrace.core.client import Role

Asked = TypeVar("Asked")
Told = TypeVar("Told")

_PARAMETER = re.compile(r"{(\w+)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation(Generic[Asked, Told]):
    """One thing that can be asked for.

    ``path`` lies below the native API's prefix; names in braces are members of ``asked`` (texts). The other members come in the query where the
    method is GET or DELETE, else in the JSON body. ``role``: the least that may ask. Scopes are looked at by whoever answers.
    ``sends``: ``asked`` is followed by a body of bytes; ``streams``: what is told is a ``Download``.
    """

    name: str
    method: str
    path: str
    role: Role
    asked: type[Asked]
    told: type[Told]
    summary: str
    sends: bool = False
    streams: bool = False

    @property
    def path_names(self) -> tuple[str, ...]:
        """Return the members of ``asked`` that stand in the path."""
        return tuple(_PARAMETER.findall(self.path))


@dataclass(frozen=True, slots=True)
class Nothing:
    """What is asked where nothing has to be said, or told where it is enough that it was done."""


@dataclass(frozen=True, slots=True)
class Download:
    """Bytes that are told piece by piece. ``name``: the file's name, of letters that every system takes."""

    name: str
    media_type: str
    pieces: Iterator[bytes]
