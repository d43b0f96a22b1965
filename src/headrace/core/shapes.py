"""Reading JSON objects that clients send, so that all that is wrong with them is told at once, each with its path.

Unknown keys are no mistake, and null is the same as absent: that is what the doors that use this say of their bodies.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from headrace.core.codec import Json
from headrace.core.errors import Code, FieldError, Problem


@dataclass(slots=True)
class Shapes:
    """Collects what is wrong; ``finish`` raises it."""

    errors: list[FieldError] = field(default_factory=list)

    def wrong(self, path: str, message: str) -> None:
        """Add one mistake."""
        self.errors.append(FieldError(path, message))

    def finish(self, what: str) -> None:
        """Raise what was found.

        Raises:
            Problem: ``INVALID``: something is wrong in ``what``.
        """
        if self.errors:
            raise Problem.of_fields(Code.INVALID, what, tuple(self.errors))

    def text(self, body: Mapping[str, Json], name: str, path: str = "", *, required: bool = False) -> str | None:
        """Return a text; None: it is absent, or wrong. A required one must not be empty."""
        value = body.get(name)
        if value is None or (required and value == ""):
            if required:
                self.wrong(path + name, f"{name} is required")
            return None
        if isinstance(value, str):
            return value
        self.wrong(path + name, f"{name} must be a string")
        return None

    def flag(self, body: Mapping[str, Json], name: str, path: str = "") -> bool | None:
        """Return a truth value; None: it is absent, or wrong."""
        value = body.get(name)
        if value is None or isinstance(value, bool):
            return value
        self.wrong(path + name, f"{name} must be true or false")
        return None

    def whole(self, body: Mapping[str, Json], name: str, path: str = "", *, least: int = 0) -> int | None:
        """Return a whole number of at least ``least``; None: it is absent, or wrong."""
        value = body.get(name)
        if value is None:
            return None
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, int) and not isinstance(value, bool) and value >= least:
            return value
        self.wrong(path + name, f"{name} must be a whole number of at least {least}")
        return None

    def object(self, body: Mapping[str, Json], name: str, path: str = "") -> Mapping[str, Json] | None:
        """Return an object; None: it is absent, or wrong."""
        value = body.get(name)
        if value is None or isinstance(value, Mapping):
            return value
        self.wrong(path + name, f"{name} must be an object")
        return None

    def objects(
        self, body: Mapping[str, Json], name: str, path: str = "", *, required: bool = False
    ) -> list[tuple[str, Mapping[str, Json]]]:
        """Return the objects of a list, each with the path of what is in it (``fields[2].``)."""
        found = []
        for number, item in enumerate(self._list(body, name, path, required=required)):
            if isinstance(item, Mapping):
                found.append((f"{path}{name}[{number}].", item))
            else:
                self.wrong(f"{path}{name}[{number}]", "must be an object")
        return found

    def texts(self, body: Mapping[str, Json], name: str, path: str = "", *, required: bool = False) -> tuple[str, ...]:
        """Return the texts of a list."""
        found = []
        for number, item in enumerate(self._list(body, name, path, required=required)):
            if isinstance(item, str):
                found.append(item)
            else:
                self.wrong(f"{path}{name}[{number}]", "must be a string")
        return tuple(found)

    def one_of(self, body: Mapping[str, Json], name: str, allowed: Iterable[str], path: str = "") -> str | None:
        """Return a text that is one of ``allowed``; None: it is absent, or wrong."""
        value = self.text(body, name, path)
        if value is None or value in allowed:
            return value
        self.wrong(path + name, f"{name} must be one of {', '.join(allowed)}")
        return None

    def _list(self, body: Mapping[str, Json], name: str, path: str, *, required: bool) -> Sequence[Json]:
        value = body.get(name)
        if value is None:
            if required:
                self.wrong(path + name, f"{name} is required")
            return ()
        if isinstance(value, Sequence) and not isinstance(value, str):
            return value
        self.wrong(path + name, f"{name} must be a list")
        return ()


def without_nulls(body: Mapping[str, Json]) -> dict[str, Json]:
    """Return ``body`` without the keys whose value is null."""
    return {key: value for key, value in body.items() if value is not None}
