"""Templates: one environment, made when the first page is asked for; what is compiled stays in memory."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from headrace.web import marks, wording
from headrace.web.addresses import href
from headrace.web.charts.bars import bar
from headrace.web.charts.strip import strip
from headrace.web.statics import address_of

_FOLDER = Path(__file__).parent / "templates"
_FUNCTIONS = {
    "href": href,
    "strip": strip,
    "bar": bar,
    "status": marks.status,
    "sign": marks.sign,
    "icon": marks.icon,
    "moment": marks.moment,
    "stacked": marks.stacked,
    "ago": marks.ago,
    "took": marks.took,
    "id": marks.short_id,
    "reason": marks.reason,
    "scope": marks.scope,
    "path": marks.path,
    "prose": marks.prose,
    "figures": marks.figures,
    "pretty": marks.pretty,
    "csrf": marks.csrf,
    "request_key": marks.request_key,
    "number": wording.number,
    "size": wording.size,
    "duration": wording.duration,
    "moment_text": wording.moment,
    "words": wording.words_of,
    "one_line": wording.one_line,
    "heart": wording.heart,
    "plural": wording.plural,
}
"""What stands in templates as ``ui.<name>``, beside the macros of ``macros.html``."""


@cache
def environment() -> Environment:
    """Return the environment. ``ui`` is there in every template and in every part: functions of ``marks`` and macros of ``macros.html``."""
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        cache_size=-1,
    )
    made.globals["static"] = address_of
    made.globals["ui"] = SimpleNamespace(**_FUNCTIONS)
    macros = made.get_template("macros.html").module
    names = [name for name in vars(macros) if not name.startswith("_")]
    made.globals["ui"] = SimpleNamespace(**_FUNCTIONS, **{name: getattr(macros, name) for name in names})
    return made


def render(template: str, values: Mapping[str, Any], part: str | None = None) -> str:
    """Return a page, or the block ``part`` of it alone."""
    found = environment().get_template(template)
    if part is None:
        return found.render(values)
    return Markup("").join(Markup(piece) for piece in found.blocks[part](found.new_context(dict(values))))  # noqa: S704 — a template's own output
