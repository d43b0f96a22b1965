"""``source.files``: which files of this machine, or of a store, its texts name."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from headrace.core.errors import Code
from headrace.flowfile.databases import KINDS as DATABASES
from headrace.flowfile.findings import Findings

STORES = {"s3": "s3", "gs": "gcs", "gcs": "gcs", "az": "azure", "azure": "azure", "sftp": "sftp", "ftp": "ftp"}
"""The kind of connection that a URL's scheme stands for."""
OBJECT_STORES = frozenset({"s3", "gcs", "azure"})
_OTHER = {
    "s3a": "s3://bucket/…", "s3n": "s3://bucket/…", "ftps": "ftp://host/… with connection: {tls: true}",
    "abfs": "az://container/… with connection: {account: …}", "abfss": "az://container/… with connection: {account: …}",
    "wasb": "az://container/… with connection: {account: …}", "wasbs": "az://container/… with connection: {account: …}",
    "http": "download the files, and give their paths", "https": "download the files, and give their paths",
}  # fmt: skip
"""What to write in the place of schemes that others use."""
_KNOWN = "a path, file:///…, s3://bucket/…, az://container/…, gs://bucket/…, sftp://user@host/… or ftp://user@host/…"
_WILDCARD = re.compile(r"[*?\[]")
_BUCKET = re.compile(r"[A-Za-z0-9$][A-Za-z0-9._-]*")
_PATH = "source.files"


@dataclass(frozen=True, slots=True)
class Selected:
    """What was named: ``kind`` of store (``local``: this machine), its ``server`` (``user@host:port``; empty for object stores), the ``root``
    of a folder of this machine, and ``paths`` below it. Paths of object stores begin with the bucket.
    """  # noqa: D205 — the summary names all fields

    kind: str
    server: str
    root: str
    paths: tuple[str, ...]


def selected(files: tuple[str, ...], directory: Path, findings: Findings) -> Selected | None:
    """Return what ``files`` name; relative paths begin at ``directory``. None: something is wrong, and stands in ``findings``."""
    if not files:
        findings.add(_PATH, "the list is empty", "at least one path")
    named = [_named(text, findings) for text in files]
    known = [one for one in named if one is not None]
    if not known or len(known) < len(named):
        return None
    kind, server, _ = known[0]
    if any(one[:2] != (kind, server) for one in known):
        findings.add(_PATH, "the files lie in more than one place", "all in one store, or all on this machine")
        return None
    if kind != "local":
        return Selected(kind, server, "", tuple(path for *_, path in known))
    places = [_split_path(path, directory) for *_, path in known]
    root = Path(os.path.commonpath([folder for folder, _ in places]))
    return Selected(
        kind, "", "file://" + quote(str(root)), tuple(_below(root, folder, rest) for folder, rest in places)
    )


def _named(text: str, findings: Findings) -> tuple[str, str, str] | None:
    """Return kind, server and path of one text; None: it is something else, which stands in the findings."""
    scheme = text.split("://", 1)[0].lower() if "://" in text else ""
    if scheme in STORES:
        return _in_store(STORES[scheme], text.split("://", 1)[1], findings)
    if scheme in DATABASES:
        hint = f"write database: {scheme}://… with table: or query:"
        findings.add(_PATH, f"{scheme}:// is a database", hint)
        return None
    if scheme not in ("", "file"):
        code = Code.UNSUPPORTED if scheme in _OTHER else Code.INVALID
        message = "cannot be read from" if scheme in _OTHER else "is not known"
        findings.add(_PATH, f"{scheme}:// {message}", _OTHER.get(scheme, _KNOWN), code)
        return None
    path = unquote(urlsplit(text).path) if scheme else text
    if not path or "\0" in path or (scheme and not path.startswith("/")):
        findings.add(_PATH, f"{text!r} names no file", "a path, or file:///…")
        return None
    return "local", "", path


def _in_store(kind: str, rest: str, findings: Findings) -> tuple[str, str, str] | None:
    place, _, path = rest.partition("/")
    if kind not in OBJECT_STORES:
        return kind, place, unquote(path)
    if not _BUCKET.fullmatch(place):
        # It is not repeated: where others write a host or a login, a secret may stand.
        what = "container" if kind == "azure" else "bucket"
        message = f"what follows {kind}:// is no name of a {what}" if place else f"there is no {what}"
        findings.add(_PATH, message, f"{what}/folder/*.csv; the server's address is connection.endpoint")
        return None
    # Keys stand as they are: a "%" in one is a "%", as in every tool for these stores.
    return kind, "", f"{place}/{path}"


def _below(root: Path, folder: Path, rest: str) -> str:
    between = folder.relative_to(root).as_posix()
    return rest if between == "." else f"{between}/{rest}"


def _split_path(path: str, directory: Path) -> tuple[Path, str]:
    """Return the folder that a path begins in, absolute, and what is selected there (empty: every file of the folder)."""
    *folders, name = path.split("/")
    literal = 0
    while literal < len(folders) and not _WILDCARD.search(folders[literal]):
        literal += 1
    root = Path("/".join(folders[:literal]) or ("/" if path.startswith("/") else "."))
    return (directory / root.expanduser()).resolve(), "/".join([*folders[literal:], name])
