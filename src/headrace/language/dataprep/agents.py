"""User agents: what ua-parser reads from them, under the names that the contract uses.

ua-parser names browsers by their variants (``Mobile Safari``, ``Chrome Mobile iOS``) and knows devices by brand and model; the contract
has one name for each browser, and classes of devices. The regular expressions are ua-parser's own built-in set.
"""

import re
from functools import lru_cache
from typing import Final

import ua_parser

_LONGEST: Final = 1024
"""Characters of a user agent that are looked at; ua-parser's regular expressions backtrack."""
_REMEMBERED: Final = 20_000
"""User agents whose answers are kept in memory, about 1 KiB each; reading one costs half a millisecond."""

FIELDS: Final = (
    "os_name",
    "os_version",
    "os_version_major",
    "os_name_version",
    "agent_name",
    "agent_version",
    "agent_version_major",
    "device_class",
)
"""What is known of a user agent: functions of the language are called ``ua_`` and one of these."""
AGENT_TYPE: Final = "STRUCT(" + ", ".join(f"{name} VARCHAR" for name in FIELDS) + ")"
"""DuckDB's type of an answer."""

_VARIANTS: Final = re.compile(r"^Mobile (?=Safari)| (?:Mobile|iOS|WebView|UI/WKWebView|Tablet)\b")
_RENAMED: Final = {"IE": "Internet Explorer"}

_CLASSES: Final[tuple[tuple[str, re.Pattern[str]], ...]] = tuple(
    (name, re.compile(pattern, re.IGNORECASE))
    for name, pattern in (
        ("Hacker", r"<script|\bunion\b.*\bselect\b|\(\)\s*\{|\$\{jndi:|\.\./\.\./|\b(?:sqlmap|nikto|acunetix|nessus)\b|' or '?1"),
        ("Anonymized", r"\banonymi[sz]ed\b|^anonymous$"),
        ("Robot Mobile", r"\b\w*bot\b.*\bmobile\b|\bmobile\b.*\b\w*bot\b"),
        ("Cloud", r"\baws-?(?:lambda|sdk)|amazon cloudfront|google-(?:cloud|apps-script)|azure-logic-apps|cloudflare-workers"),
        ("Robot", r"\b(?:\w*bot|crawler|spider|slurp)\b|^(?:curl|wget|python|java|go-http-client|libwww|okhttp|apache-httpclient|ruby|php)\b"),
        ("Augmented Reality", r"\bhololens\b|magic leap|\bhelio/"),
        ("Virtual Reality", r"oculusbrowser|\bquest\b|\bvive\b|vr browser|\bpico (?:neo|4)"),
        ("Voice", r"\balexa\b|amazon ?echo|\baeo[a-z]{2}\b|google.?home\b"),
        ("Home Appliance", r"family ?hub|\brefrigerator\b"),
        ("Car", r"\bqtcarbrowser\b|\btesla/|android automotive|\bcarplay\b"),
        ("Set-top box", r"\broku\b|\bcrkey\b|\baft[a-z]{1,2}\b|apple ?tv|set-?top|\bmag ?2\d\d\b"),
        ("TV", r"smart-?tv|smarttv|hbbtv|\bnetcast\b|web0s|webos.*\btv\b|\bbravia\b|googletv|android tv|\btv safari\b|\bviera\b|\bdtv\b"),
        ("Handheld Game Console", r"nintendo (?:3ds|dsi?|switch)\b|playstation (?:portable|vita)|\bsteam deck\b"),
        ("Game Console", r"\bxbox\b|playstation|nintendo (?:wii|wiiu)\b"),
        ("Watch", r"watchos|apple ?watch|\bwear os\b|\bsm-r\d{3}|\bgalaxy watch\b"),
        ("eReader", r"\bkindle/|\bnook\b|\bkobo\b|\bpocketbook\b"),
        ("Tablet", r"\bipad\b|\btablet\b|\bkf[a-z]{2,5}\b.*silk|playbook|\bsm-t\d{3}|windows nt.*\btablet pc\b.*\btouch\b.*\barm\b"),
        ("Phone", r"\biphone\b|\bipod\b|windows phone|android.*\bmobile\b|blackberry|\bbb10\b"),
        ("Tablet", r"\bandroid\b"),
        ("Desktop", r"windows nt|macintosh|\bx11\b|\bcros\b|linux (?:x86_64|i686)|windows 9"),
        ("Mobile", r"\bmobile\b|\bmidp\b|\bsymbian"),
    )
)  # fmt: skip
"""The first class whose pattern is found is a device's; ua-parser has brands and models only."""


@lru_cache(maxsize=_REMEMBERED)
def _read(text: str) -> dict[str, str | None]:
    found = ua_parser.parse(text)
    os, browser = found.os, found.user_agent
    os_name = os.family if os else None
    os_version = _version(os.major, os.minor, os.patch) if os else None
    name = _name(browser.family) if browser else None
    version = _version(browser.major, browser.minor, browser.patch) if browser else None
    return {
        "os_name": os_name,
        "os_version": os_version,
        "os_version_major": _joined(os_name, os.major if os else None),
        "os_name_version": _joined(os_name, os_version),
        "agent_name": name,
        "agent_version": version,
        "agent_version_major": _joined(name, browser.major if browser else None),
        "device_class": _class_of(text),
    }


def agent(text: str) -> dict[str, str | None]:
    """Return what is known of a user agent, by ``FIELDS``; what is not known is None, the class then ``Unknown``."""
    return _read(text[:_LONGEST])


def _name(family: str) -> str:
    name = _VARIANTS.sub("", family)
    return _RENAMED.get(name, name)


def _version(*parts: str | None) -> str | None:
    given = []
    for part in parts:
        if not part:
            break
        given.append(part)
    return ".".join(given) or None


def _joined(name: str | None, version: str | None) -> str | None:
    return f"{name} {version}" if name and version else name


def _class_of(text: str) -> str:
    return next((name for name, pattern in _CLASSES if pattern.search(text)), "Unknown")
