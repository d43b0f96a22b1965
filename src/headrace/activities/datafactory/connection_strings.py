"""Connection strings: ``key=value;…``, as .NET and as ODBC write them."""

import re
from collections.abc import Mapping

_DOTNET = re.compile(
    r"""\s*(?P<key>(?:[^=;]|==)+?)\s*=\s*(?:"(?P<double>(?:[^"]|"")*)"|'(?P<single>(?:[^']|'')*)'|(?P<plain>[^;]*?))\s*(?:;|\Z)"""
)
_ODBC = re.compile(r"\s*(?P<key>[^=;]+?)\s*=\s*(?:\{(?P<braced>(?:[^}]|\}\})*)\}|(?P<plain>[^;]*?))\s*(?:;|\Z)")
_BLANK = re.compile(r"[\s;]*")


def read_dotnet(text: str) -> Mapping[str, str] | None:
    """Return the values of a .NET connection string by their keys, in lower case and without blanks; of two with one key the later.

    Values may stand in quotes, which are doubled inside. None: it is no connection string.
    """
    found: dict[str, str] = {}
    place = _skipped(text, 0)
    while place < len(text):
        pair = _DOTNET.match(text, place)
        if pair is None:
            return None
        double, single = pair["double"], pair["single"]
        value = pair["plain"] or ""
        if double is not None:
            value = double.replace('""', '"')
        elif single is not None:
            value = single.replace("''", "'")
        found[folded(pair["key"].replace("==", "="))] = value
        place = _skipped(text, pair.end())
    return found


def read_odbc(text: str) -> Mapping[str, str] | None:
    """Return the values of an ODBC connection string by their keys, in lower case and without blanks; of two with one key the first.

    Values may stand in braces, of which the closing one is doubled inside. None: it is no connection string.
    """
    found: dict[str, str] = {}
    place = _skipped(text, 0)
    while place < len(text):
        pair = _ODBC.match(text, place)
        if pair is None:
            return None
        braced = pair["braced"]
        found.setdefault(folded(pair["key"]), pair["plain"] or "" if braced is None else braced.replace("}}", "}"))
        place = _skipped(text, pair.end())
    return found


def write_odbc(pairs: Mapping[str, str]) -> str:
    """Return an ODBC connection string; values that need it stand in braces."""
    return ";".join(f"{key}={_braced(value)}" for key, value in pairs.items())


def folded(key: str) -> str:
    """Return a key in lower case, without blanks and underscores."""
    return re.sub(r"[\s_]", "", key).lower()


def _braced(value: str) -> str:
    return value if re.fullmatch(r"[\w./:@+-]*", value) else "{" + value.replace("}", "}}") + "}"


def _skipped(text: str, place: int) -> int:
    found = _BLANK.match(text, place)
    return found.end() if found else place
