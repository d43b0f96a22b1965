"""What a mapping says beside the value of its expression: that it goes through a list (``c[*].d``), and that it removes (``nullify()``)."""

from headrace.core.errors import Code
from headrace.language.dataprep.parser import parse
from headrace.language.dataprep.refusal import refuse
from headrace.language.dataprep.syntax import Call, walk
from headrace.language.dataprep.tokens import Sort, Token, tokens

_EVERY = ("[", "*", "]")
_NAMES = frozenset({Sort.NAME, Sort.QUOTED_NAME})


def split_each(text: str, element: str) -> tuple[str, str] | None:
    """Return the expression of the list that ``text`` goes through, and ``text`` with the column ``element`` in the place of ``list[*]``.

    ``orders[*].total * 2`` is ``orders``, and ``${element}.total * 2``. None: there is no ``[*]`` in it.

    Raises:
        Problem: ``EXPRESSION_SYNTAX``: several lists, a list in a list, or no list before ``[*]``.
    """
    if "*" not in text or "[" not in text:
        return None
    found = tokens(text)
    places = [at for at in range(len(found) - 3) if _is_every(found, at)]
    if not places:
        return None
    spans = [(found[_start(text, found, at)].at, found[at].at, found[at + 2].end) for at in places]
    lists = {text[start:end].strip() for start, end, _ in spans}
    if len(lists) > 1:
        raise refuse(Code.EXPRESSION_SYNTAX, text, spans[1][0], "an expression goes through one list only")
    column = "${" + element.replace("\\", "\\\\").replace("}", "\\}") + "}"
    parts, at = [], 0
    for start, _, end in spans:
        if start < at:
            raise refuse(Code.EXPRESSION_SYNTAX, text, start, "a list in a list cannot be gone through")
        parts += [text[at:start], column]
        at = end
    return lists.pop(), "".join([*parts, text[at:]])


def removes(text: str) -> bool:
    """Say whether ``text`` calls ``nullify``: its null removes what a copy of a whole object has set.

    Raises:
        Problem: as ``parse``.
    """
    return "nullify" in text and any(
        isinstance(node, Call) and node.name == "nullify" for node in walk(parse(text).root)
    )


def _is_every(found: list[Token], at: int) -> bool:
    return all(found[at + n].sort is Sort.SYMBOL and found[at + n].value == sign for n, sign in enumerate(_EVERY))


def _start(text: str, found: list[Token], at: int) -> int:
    """Return the token where the path before ``[*]`` at ``at`` begins."""
    first = at
    while True:
        if first == 0 or found[first - 1].sort not in _NAMES:
            what = "[*] stands behind the path of a list, as in orders[*].total"
            if first >= 3 and found[first - 1].value == "]":
                what = "a list in a list cannot be gone through"
            raise refuse(Code.EXPRESSION_SYNTAX, text, found[at].at, what)
        first -= 1
        if first == 0 or found[first - 1].value != "." or found[first - 1].sort is not Sort.SYMBOL:
            return first
        first -= 1
