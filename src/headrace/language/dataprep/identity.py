"""Digests, random identifiers and the parts of URLs."""

from collections.abc import Callable
from typing import Final

from headrace.language.dataprep.table import Function, Site, function
from headrace.language.dataprep.values import JSON, LONG, STRING, Value, let, quote_text, strict

_HASH: Final = "digest"
_URL: Final = "url"
_SCHEME: Final = "^([A-Za-z][A-Za-z0-9+.-]*)://"
_AUTHORITY: Final = "^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?"
_HOST: Final = r"(\[[0-9A-Fa-f:.]+\]|[^/?#@:\[\]\s]+)"
_REST: Final = r"(?::(\d{0,5}))?(?:[/?#]\S*)?$"
_WHOLE: Final = _AUTHORITY + _HOST + _REST
_CHARSETS: Final = ("UTF-8", "UTF-16", "ISO-8859-1", "US-ASCII")


_DIGEST_DOC: Final = (
    f"The {{}} of a text's bytes in a charset ({', '.join(_CHARSETS)}; default UTF-8), in lower-case hexadecimal."
)
_ANCHORS: Final = ("retain", "remove", "append")


def _bytes(text: str, charset: str) -> str:
    """Return SQL of a text's bytes; what a charset lacks is ``?``, as in Java."""
    if charset == "UTF-8":
        return text
    if charset == "US-ASCII":
        return rf"regexp_replace({text}, '[^\x00-\x7F]', '?', 'g')"
    characters = f"regexp_extract_all({text}, '(?s).')"
    if charset == "ISO-8859-1":
        code = "format('{:02x}', CASE WHEN unicode(_c) > 255 THEN 63 ELSE unicode(_c) END)"
        mark = ""
    else:
        high = "55296 + (unicode(_c) - 65536) // 1024"
        low = "56320 + (unicode(_c) - 65536) % 1024"
        pair = f"format('{{:04x}}{{:04x}}', CAST({high} AS INTEGER), CAST({low} AS INTEGER))"
        code = f"CASE WHEN unicode(_c) > 65535 THEN {pair} ELSE format('{{:04x}}', unicode(_c)) END"
        mark = "feff"
    digits = f"array_to_string(list_transform({characters}, lambda _c: {code}), '')"
    return f"unhex('{mark}' || {digits})" if mark else f"unhex({digits})"


def _digest(name: str) -> Function:
    def build(site: Site) -> Value:
        text = site.take(0, STRING)
        return strict(f"{name}({_bytes(text.sql, _charset(site))})", STRING, [text])

    example = {
        "md5": "900150983cd24fb0d6963f7d28e17f72",
        "sha1": "a9993e364706816aba3e25717850c26c9cd0d89d",
        "sha256": "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
    }[name]
    doc = _DIGEST_DOC.format(f"{name.upper()} digest")
    return function(f"{name}(s[, charset])", _HASH, doc, f'{name}("abc") -> {example}')(build)


def _native_digest(name: str, result: str) -> Function:
    def build(site: Site) -> Value:
        text = site.take(0, STRING)
        call = f"headrace_{name}({text.sql}, {quote_text(_charset(site))})"
        return strict(call, STRING, [text], fails=True)

    what = "SHA512 digest" if name == "sha512" else "CRC-32 checksum (the lowest byte first)"
    return function(f"{name}(s[, charset])", _HASH, _DIGEST_DOC.format(what), f'{name}("abc") -> {result}')(build)


def _charset(site: Site) -> str:
    charset = site.constant(1, "the charset").upper() if len(site) > 1 and site.arguments[1].type else "UTF-8"
    if charset not in _CHARSETS:
        raise site.refusal(1, f"unknown charset {charset!r}; expected one of {', '.join(_CHARSETS)}")
    return charset


@function("uuid()", _HASH, "A random UUID, another one for every row.", "uuid() -> a random UUID", "guid")
def _uuid(_site: Site) -> Value:
    return Value("CAST(uuid() AS VARCHAR)", STRING)


def _of_url(take: Callable[[str], str]) -> Callable[[Site], Value]:
    def build(site: Site) -> Value:
        url = site.take(0, STRING)

        def body(text: str) -> str:
            return f"CASE WHEN regexp_matches({text}, {quote_text(_WHOLE)}) THEN {take(text)} END"

        return strict(let([url.sql], body), STRING, [url])

    return build


def _extract(text: str, regex: str, group: int = 1) -> str:
    return f"regexp_extract({text}, {quote_text(regex)}, {group})"


def _port(site: Site) -> Value:
    url = site.take(0, STRING)

    def body(text: str) -> str:
        usual = f"CASE lower({_extract(text, _SCHEME)}) WHEN 'http' THEN 80 WHEN 'https' THEN 443 WHEN 'ftp' THEN 21 WHEN 'sftp' THEN 22 END"
        given = f"TRY_CAST(NULLIF({_extract(text, _WHOLE, 2)}, '') AS BIGINT)"
        return f"CASE WHEN regexp_matches({text}, {quote_text(_WHOLE)}) THEN COALESCE({given}, {usual}) END"

    return strict(let([url.sql], body), LONG, [url])


_PATH: Final = r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*([^?#]*)"


@function(
    "get_url_path(url[, full])",
    _URL,
    "The path; with full false only its last part.",
    'get_url_path("http://example.com/a/b.html?x=1") -> /a/b.html',
)
def _path(site: Site) -> Value:
    full = site.arguments[1].constant if len(site) > 1 else True
    if not isinstance(full, bool):
        raise site.refusal(1, "full must be true or false")
    last = r"([^/]*)$"
    return _of_url(lambda text: _extract(text, _PATH) if full else _extract(_extract(text, _PATH), last))(site)


@function(
    "get_url_query_str(url, anchor)",
    _URL,
    "A map of the values in the query string, as they stand there; null for an invalid URL. The anchor (#x) is left at the last value "
    "(retain), dropped (remove) or added under the key _anchor_ (append).",
    'get_url_query_str("foo://example.com:8042/over/there?name=ferret#nose", "append") -> {"name":"ferret","_anchor_":"nose"}',
)
def _query(site: Site) -> Value:
    url, anchor = site.take(0, STRING), site.constant(1, "anchor")
    if anchor not in _ANCHORS:
        raise site.refusal(1, f"anchor must be one of {', '.join(_ANCHORS)}")

    def body(text: str) -> str:
        answer = f"TRY_CAST(headrace_query({text}, {quote_text(anchor)}) AS JSON)"
        return f"CASE WHEN regexp_matches({text}, {quote_text(_WHOLE)}) THEN {answer} END"

    return strict(let([url.sql], body), JSON, [url])


@function(
    "get_url_encoded(s)",
    _URL,
    "The text with every reserved character percent-coded (a space is %20).",
    'get_url_encoded("a b&c") -> a%20b%26c',
)
def _encoded(site: Site) -> Value:
    text = site.take(0, STRING)
    return strict(f"url_encode({text.sql})", STRING, [text])


@function(
    "get_url_decoded(s)",
    _URL,
    "The text with its percent codes resolved; codes that are no UTF-8 are a transform error.",
    'get_url_decoded("a%20b%26c") -> a b&c',
)
def _decoded(site: Site) -> Value:
    text = site.take(0, STRING)
    return strict(let([text.sql], lambda sql: f"TRY(url_decode({sql}))"), STRING, [text], fails=True)


FUNCTIONS: tuple[Function, ...] = (
    _digest("md5"),
    _digest("sha1"),
    _digest("sha256"),
    _native_digest(
        "sha512",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
    ),
    _native_digest("crc32", "c2412435"),
    _uuid,
    function(
        "get_url_protocol(url)",
        _URL,
        "The protocol; null for an invalid URL.",
        'get_url_protocol("https://a.com/") -> https',
    )(_of_url(lambda text: _extract(text, _SCHEME))),
    function(
        "get_url_host(url)", _URL, "The host; null for an invalid URL.", 'get_url_host("https://a.com:8080/x") -> a.com'
    )(_of_url(lambda text: _extract(text, _WHOLE))),
    function(
        "get_url_port(url)",
        _URL,
        "The port, else the usual one of http, https, ftp and sftp; null for an invalid URL.",
        'get_url_port("https://a.com") -> 443',
    )(_port),
    _path,
    _query,
    _encoded,
    _decoded,
)
"""Digests, identifiers and URLs."""
