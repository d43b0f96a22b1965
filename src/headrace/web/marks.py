"""Small pieces of a page that are made of one value each. They are functions, since a list has hundreds of them."""

import json
import secrets
from collections.abc import Mapping
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape

from headrace.core.clock import Instant, to_iso
from headrace.core.codec import Json
from headrace.core.errors import Code
from headrace.core.native.runs import Reason
from headrace.core.outcome import Figures
from headrace.web import wording

_STATUS = Markup('<span class="status s-{0}"><svg class="icon" aria-hidden="true"><use href="#i-{0}"/></svg>{1}</span>')
_MOMENT = Markup('<time datetime="{0}" title="{1} UTC">{2}</time>')
_STACKED = Markup('<time datetime="{0}" title="{1} UTC">{2}<span class="sub">{3}</span></time>')
_ICON = Markup('<svg class="icon" aria-hidden="true"><use href="#i-{}"/></svg>')
_SIGNS = {
    "timed_out": "failed",
    "skipped": "inactive",
    "alive": "succeeded",
    "dead": "failed",
    "stopped": "inactive",
    "late": "rejects",
    "delivered": "succeeded",
    "pending": "queued",
    "given_up": "failed",
    "started": "succeeded",
    "paused": "waiting",
    "committed": "succeeded",
    "revoked": "cancelled",
    "active": "succeeded",
}
"""Words that look like another status."""
_KNOWN = frozenset(
    "queued running waiting cancelling succeeded rejects failed cancelled inactive carried".split()  # noqa: SIM905 — a list of words
)


def status(value: str, rejected: int | None = 0) -> Markup:
    """Return a status as a sign and a word. A success with rejected rows is never shown as a plain one."""
    name = str(value)
    if name == "succeeded" and rejected:
        return _STATUS.format("rejects", Markup('<span>succeeded<span class="further"> with rejects</span></span>'))
    return _STATUS.format(sign(name), wording.words_of(name))


def sign(value: str) -> str:
    """Return which sign and colour a status has: one of the ten that the style sheet knows."""
    name = _SIGNS.get(value, value)
    return name if name in _KNOWN else "inactive"


def icon(name: str) -> Markup:
    """Return one of the signs in ``layout.html``."""
    return _ICON.format(name)


def moment(instant: Instant | None) -> Markup:
    """Return a moment in UTC; its title has it in full, and the script adds how long ago it was."""
    if instant is None:
        return escape(wording.NONE)
    text = wording.moment(instant)
    return _MOMENT.format(to_iso(instant), text, text)


def stacked(instant: Instant | None, word: str = "") -> Markup:
    """Return a moment in UTC in two short lines, the time of day above ``word`` and the date: for lists."""
    if instant is None:
        return escape(wording.NONE)
    text = wording.moment(instant)
    return _STACKED.format(to_iso(instant), text, text[11:], f"{word} {text[:10]}" if word else text[:10])


@pass_context
def ago(context: Context, instant: Instant | None) -> Markup:
    """Return how far a moment lies from now; its title has it in full."""
    if instant is None:
        return escape(wording.NONE)
    return Markup('<time class="ago" datetime="{0}" title="{1} UTC">{2}</time>').format(
        to_iso(instant), wording.moment(instant), wording.ago(instant, context["now"])
    )


@pass_context
def took(context: Context, start: Instant | None, end: Instant | None) -> Markup:
    """Return how long something took, or has taken until now, which the script counts on."""
    if start is None:
        return escape(wording.NONE)
    if end is not None:
        return escape(wording.duration(end - start))
    return Markup('<span class="ticking" data-since="{}">{}</span>').format(
        to_iso(start), wording.duration(context["now"] - start)
    )


def short_id(value: str) -> Markup:
    """Return an id as its first characters; the title has all of it."""
    return Markup('<code class="id" title="{}">{}</code>').format(value, value[: wording.SHORT])


def scope(value: str) -> Markup:
    """Return a scope; of a long one the middle is left out, which the title has."""
    return Markup('<span class="scope" title="{}">{}</span>').format(value, wording.short_scope(value))


def path(value: str) -> Markup:
    """Return a path that is broken after its slashes where it has to be."""
    return Markup("/<wbr>").join(escape(piece) for piece in value.split("/"))


def prose(text: str) -> Markup:
    """Return a sentence in which what stands between backticks is what one types."""
    pieces = text.split("`")
    if len(pieces) % 2 == 0:
        return escape(text)
    return Markup().join(
        Markup("<code>{}</code>").format(piece) if number % 2 else escape(piece) for number, piece in enumerate(pieces)
    )


def reason(value: Reason | None) -> Markup:
    """Return why something failed, in one line: who has to act, and what went wrong. Of what somebody cancelled, who did."""
    if value is None:
        return Markup()
    if value.code is Code.CANCELLED:
        return Markup('<span class="reason">{}</span>').format(wording.one_line(value.message))
    return Markup('<span class="reason"><span class="blame b-{}">{}</span> {}</span>').format(
        value.blame.value, wording.BLAMES[value.blame], wording.one_line(wording.heart(value.message))
    )


def figures(value: Figures) -> Markup:
    """Return rows read, accepted, rejected and warned as a sentence; what is not known is left out."""
    pairs = [
        (value.rows_read, "read", ""),
        (value.rows_accepted, "accepted", ""),
        (value.rows_rejected, "rejected", "rejected" if value.rows_rejected else ""),
        (value.rows_skipped or None, "skipped", ""),
        (value.rows_warned or None, "with warnings", "warned"),
    ]
    told = [
        Markup('<span class="figure {}"><b>{}</b> {}</span>').format(tone, wording.number(amount), word)
        for amount, word, tone in pairs
        if amount is not None
    ]
    return Markup(" ").join(told) if told else escape(wording.NONE)


def pretty(value: Json) -> str:
    """Return JSON as text of several lines."""
    return json.dumps(value, indent=2, ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    """Return what ``json`` can write for what a definition holds."""
    return dict(value) if isinstance(value, Mapping) else str(value)


def csrf(token: str) -> Markup:
    """Return the hidden field that every form which changes something needs."""
    return Markup('<input type="hidden" name="csrf" value="{}">').format(token)


def request_key() -> Markup:
    """Return a hidden field with a key: a form that is sent twice does its work once."""
    return Markup('<input type="hidden" name="request_key" value="{}">').format(secrets.token_hex(16))
