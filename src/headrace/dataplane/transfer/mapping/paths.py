"""JSONPaths, as far as mappings have them: members and elements, in bracket and in dot form."""

import re
from dataclasses import dataclass

from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem

_STEP = re.compile(
    r"""\.?\['(?P<single>(?:[^'\\]|\\.)*)'\]|\.?\["(?P<double>(?:[^"\\]|\\.)*)"\]|\[(?P<index>[0-9]+)\]|(?P<dot>\.)?(?P<name>[^.\[\]]+)""",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Path:
    """``rooted``: it begins at the whole document. ``steps``: names of members, and numbers of elements from 0."""

    text: str
    rooted: bool
    steps: tuple[str | int, ...]

    @property
    def sql(self) -> str:
        """Return the path in DuckDB's writing, not yet a literal."""
        return "$" + "".join(f"[{step}]" if isinstance(step, int) else f'."{_escaped(step)}"' for step in self.steps)


def _escaped(name: str) -> str:
    return name.replace("\\", "\\\\").replace('"', '\\"')


def path_of(text: str) -> Path:
    """Return a path such as ``$['a']['b'][0]``, ``$.a.b``, ``['a']`` or ``a.b``.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: it is none.
    """
    plain = text.strip()
    rooted = plain.startswith("$")
    at, steps = int(rooted), list[str | int]()
    while at < len(plain):
        found = _STEP.match(plain, at)
        if found is None or (found["name"] and (found["dot"] is None) is (rooted or bool(steps))):
            raise _wrong(text, f"it cannot be read from {plain[at:]!r} on")
        at = found.end()
        name = found["name"]
        if found["index"] is not None:
            steps.append(int(found["index"]))
        elif name is not None:
            if "*" in name:
                raise _wrong(text, "it names several values")
            steps.append(name)
        else:
            quoted = found["single"] if found["single"] is not None else found["double"]
            steps.append(re.sub(r"\\(.)", r"\1", quoted, flags=re.DOTALL))
    if not plain:
        raise _wrong(text, "it is empty")
    return Path(text, rooted, tuple(steps))


def _wrong(text: str, why: str) -> TransferProblem:
    message = (
        f"the path {text!r} is not supported: {why}; write $['name']['inner'] or $.name.inner, and [0] for an element"
    )
    return TransferProblem(Reason.REQUEST_INVALID, Side.NEITHER, message)
