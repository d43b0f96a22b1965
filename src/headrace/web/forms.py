"""What a form brought. Its token was looked at before any handler is called (see ``app``)."""

from dataclasses import dataclass
from typing import Annotated, BinaryIO

from fastapi import Depends
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request

from headrace.core.errors import Code, FieldError, Problem

_MOST_FIELDS = 2000
_MOST_BYTES = 1 << 20
"""Of one field; files are streamed to the disk, as many bytes as the edge lets through."""


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form. ``file``: the one that was chosen, or None; it is closed with the request."""

    fields: FormData

    def text(self, name: str, default: str = "") -> str:
        """Return a field's text without space around it."""
        texts = self.texts(name)
        return texts[0].strip() if texts else default

    def texts(self, name: str) -> tuple[str, ...]:
        """Return every text of a field that may come several times.

        Raises:
            Problem: ``INVALID``: one has a character that no field may have.
        """
        found = tuple(value for value in self.fields.getlist(name) if isinstance(value, str))
        if any("\0" in value for value in found):
            raise Problem(Code.INVALID, f"{name} has the character NUL", (FieldError(name, "has the character NUL"),))
        return found

    @property
    def file(self) -> BinaryIO | None:
        """Return the bytes of the chosen file."""
        chosen = self._chosen()
        return None if chosen is None else chosen.file

    @property
    def file_name(self) -> str:
        """Return the name that the chosen file has where it comes from."""
        chosen = self._chosen()
        return "" if chosen is None else chosen.filename or ""

    def _chosen(self) -> UploadFile | None:
        return next((one for one in self.fields.values() if isinstance(one, UploadFile) and one.filename), None)


async def form_of(request: Request) -> Form:
    """Return the form that was sent; a dependency of handlers."""
    return Form(await request.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_MOST_BYTES))


Sent = Annotated[Form, Depends(form_of)]
"""What a handler declares to be given the form."""
