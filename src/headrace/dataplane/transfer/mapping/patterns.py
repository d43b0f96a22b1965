""".NET's custom formats, cut into their parts."""

from collections.abc import Iterator
from dataclasses import dataclass

from headrace.dataplane.transfer.faults import Reason, Side, TransferProblem

_MOST_DECIMALS = 7


@dataclass(frozen=True, slots=True)
class Token:
    """``letter`` repeated ``count`` times, or (no letter) literal text."""

    letter: str
    count: int = 0
    text: str = ""


def tokens_of(given: str, pattern: str, letters: str) -> Iterator[Token]:
    """Cut a custom format into its parts; ``given``: what the request says, for messages; ``letters``: those that stand for parts.

    Raises:
        TransferProblem: ``REQUEST_INVALID``: the format is none.
    """
    at = 0
    while at < len(pattern):
        letter = pattern[at]
        if letter == "%" and pattern[at + 1 : at + 2] not in {"", "%"}:
            at += 1
            continue
        if letter in letters:
            count = len(pattern[at:]) - len(pattern[at:].lstrip(letter))
            if letter in "fF" and count > _MOST_DECIMALS:
                raise wrong(given, "it has more than seven decimals")
            yield Token(letter, count)
            at += count
        elif letter in "'\"":
            text, at = _quoted(given, pattern, at)
            yield Token("", text=text)
        elif letter == "\\" and at + 1 < len(pattern):
            yield Token("", text=pattern[at + 1])
            at += 2
        elif letter in "%\\":
            raise wrong(given, f"nothing stands behind {letter}")
        else:
            yield Token("", text=letter)
            at += 1


def _quoted(given: str, pattern: str, at: int) -> tuple[str, int]:
    """Return what is between the quote at ``at`` and the next one like it, and where the pattern goes on."""
    quote, text = pattern[at], ""
    at += 1
    while at < len(pattern) and pattern[at] != quote:
        at += pattern[at] == "\\" and at + 1 < len(pattern)
        text += pattern[at]
        at += 1
    if at >= len(pattern):
        raise wrong(given, f"the {quote} is not closed")
    return text, at + 1


def wrong(pattern: str, why: str) -> TransferProblem:
    """Return the problem of a format that is none."""
    return TransferProblem(
        Reason.REQUEST_INVALID, Side.NEITHER, f"the format {pattern!r} of dates or times is not supported: {why}"
    )
