"""``source.files`` in a store: the connection that a URL, ``source.connection`` and the environment mean together."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, unquote, urlsplit

from headrace.core.ids import derived_uuid
from headrace.flowfile.connections import PATH, options_of
from headrace.flowfile.document import ConnectionSpec
from headrace.flowfile.filepaths import OBJECT_STORES, Selected
from headrace.flowfile.findings import Findings
from headrace.service.connections import ConnectionDraft

_FILES = "source.files"
_AMAZON = "https://s3.amazonaws.com"
_GOOGLE = "https://storage.googleapis.com"
_JSON_API = "/storage/v1"
"""How the address of Google's API without credentials ends: that of emulators."""
_EMULATOR_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""What ``UseDevelopmentStorage=true`` stands for: the key of Azurite's one account, which stands in its manual."""
_DEVELOPMENT = {
    "AccountName": "devstoreaccount1",
    "AccountKey": _EMULATOR_KEY,
    "BlobEndpoint": "http://127.0.0.1:10000/devstoreaccount1",
}


@dataclass(frozen=True, slots=True)
class Login:
    """What the file says of how to log in, and where customary variables are looked up when it says nothing."""

    spec: ConnectionSpec | None
    environment: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Store:
    url: str
    options: Mapping[str, str] = field(repr=False)


def store_of(scope: str, name: str, chosen: Selected, login: Login, findings: Findings) -> ConnectionDraft | None:
    """Return the connection to the store of ``chosen`` for the flow ``name``; None: something is wrong, and stands in ``findings``.

    Its id hangs on the server alone: new keys are no reason to copy again.
    """
    before = len(findings.found)
    given = options_of(login.spec, chosen.kind, findings)
    if chosen.kind in OBJECT_STORES:
        read = {"s3": _s3, "azure": _azure, "gcs": _gcs}[chosen.kind]
        store = read(given, login.environment, findings)
        _check_endpoint(store.url, findings)
    else:
        store = _server(chosen, given, findings)
    if len(findings.found) > before:
        return None
    place = urlsplit(store.url)
    address = place._replace(netloc=place.netloc.rpartition("@")[2]).geturl()
    return ConnectionDraft(
        scope=scope,
        name=f"{name}: {chosen.kind} {place.hostname}",
        kind=chosen.kind,
        url=store.url,
        options=store.options,
        id=derived_uuid("flowfile-connection", scope, name, f"{chosen.kind} {address}"),
    )


def _from(environment: Mapping[str, str], **names: str) -> dict[str, str]:
    """Return what variables of the environment say, those that are empty or not there left out."""
    return {option: environment[name] for option, name in names.items() if environment.get(name)}


def _s3(given: dict[str, str], environment: Mapping[str, str], findings: Findings) -> _Store:
    options = dict(given)
    if not options.keys() & {"access_key", "secret_key", "session_token"}:
        options |= _from(
            environment,
            access_key="AWS_ACCESS_KEY_ID",
            secret_key="AWS_SECRET_ACCESS_KEY",  # noqa: S106 — the variable's name
            session_token="AWS_SESSION_TOKEN",  # noqa: S106 — the variable's name
        )
    customary = {
        **_from(environment, endpoint="AWS_ENDPOINT_URL", region="AWS_DEFAULT_REGION"),
        **_from(environment, endpoint="AWS_ENDPOINT_URL_S3", region="AWS_REGION"),
    }
    options = {**customary, **options}
    _check_keys(given, options, ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"), findings)
    return _Store(options.pop("endpoint", _AMAZON), options)


def _gcs(given: dict[str, str], environment: Mapping[str, str], findings: Findings) -> _Store:
    options = dict(given)
    emulator = environment.get("STORAGE_EMULATOR_HOST", "")
    if not given and emulator:
        host = emulator if "://" in emulator else f"http://{emulator}"
        return _Store(f"{host.rstrip('/').removesuffix(_JSON_API)}{_JSON_API}", {})
    url = options.pop("endpoint", _GOOGLE)
    if url.endswith(_JSON_API):
        return _Store(url, options)
    if not options:
        options = _from(environment, access_key="GCS_ACCESS_KEY_ID", secret_key="GCS_SECRET_ACCESS_KEY")  # noqa: S106 — the variable's name
    _check_keys(given, options, ("GCS_ACCESS_KEY_ID", "GCS_SECRET_ACCESS_KEY"), findings)
    return _Store(url, options)


def _azure(given: dict[str, str], environment: Mapping[str, str], findings: Findings) -> _Store:
    options = dict(given)
    text, where = options.pop("connection_string", ""), f"{PATH}.connection_string"
    if not given.keys() - {"endpoint"}:
        text, where = environment.get("AZURE_STORAGE_CONNECTION_STRING", ""), "AZURE_STORAGE_CONNECTION_STRING"
        options |= {} if text else _from(
            environment,
            account="AZURE_STORAGE_ACCOUNT",
            account_key="AZURE_STORAGE_KEY",
            sas="AZURE_STORAGE_SAS_TOKEN",
        )  # fmt: skip
    if text:
        said = _connection_string(text)
        if not said:
            path = where if where.startswith(PATH) else _FILES
            findings.add(path, f"{where.rpartition('.')[2]} is no connection string", "AccountName=…;AccountKey=…")
        options = {**said, **options}
    account, url = options.get("account", ""), options.pop("endpoint", "")
    if not account and not url:
        hint = (
            "connection: {account: …, account_key: ${env:NAME}}, or AZURE_STORAGE_CONNECTION_STRING in the environment"
        )
        findings.add(_where(given), "there is no storage account", hint)
    elif not options.keys() & {"account_key", "sas"}:
        hint = "account_key: ${env:NAME}, sas: ${env:NAME}, or AZURE_STORAGE_CONNECTION_STRING in the environment"
        findings.add(_where(given), "there is neither an account key nor a shared access signature", hint)
    return _Store(url or f"https://{account}.blob.core.windows.net", options)


def _connection_string(text: str) -> dict[str, str]:
    """Return what a connection string of Azure says, under our names; empty: it is none."""
    pairs = dict(part.partition("=")[::2] for part in text.strip().split(";") if part)
    if pairs.get("UseDevelopmentStorage") == "true":
        pairs = _DEVELOPMENT
    account, scheme = pairs.get("AccountName", ""), pairs.get("DefaultEndpointsProtocol", "https")
    suffix = pairs.get("EndpointSuffix", "core.windows.net")
    said = {
        "account": account,
        "account_key": pairs.get("AccountKey", ""),
        "sas": pairs.get("SharedAccessSignature", ""),
        "endpoint": pairs.get("BlobEndpoint", "").rstrip("/") or (account and f"{scheme}://{account}.blob.{suffix}"),
    }
    return {name: value for name, value in said.items() if value}


def _server(chosen: Selected, given: Mapping[str, str], findings: Findings) -> _Store:
    """Return an SFTP or FTP server."""
    options = dict(given)
    form = f"{chosen.kind}://user@host:port/path"
    parts = _parts(f"{chosen.kind}://{chosen.server}")
    if parts is None or not parts.hostname:
        # It is not repeated: it may hold a password.
        findings.add(_FILES, "this is no URL of a server", form)
        return _Store("", {})
    user = unquote(parts.username or "")
    if user and "user" in options:
        findings.add(f"{PATH}.user", "the URL has a user, too", "give the user once")
    user = user or options.pop("user", "")
    if chosen.kind == "sftp" and not user:
        findings.add(_FILES, "there is no user", f"{form}, or connection: {{user: …}}")
    elif chosen.kind == "sftp" and not options.keys() & {"password", "private_key"}:
        hint = "connection: {password: ${env:NAME}}, or {private_key: ${file:~/.ssh/id_ed25519}}"
        findings.add(_where(given), "there is neither a password nor a private key", hint)
    if options.get("tls", "true") not in {"true", "false"}:
        findings.add(f"{PATH}.tls", f"{options['tls']!r} is not allowed", "true or false")
    most = options.get("max_connections", "1")
    if not most.isdecimal() or int(most) < 1:
        findings.add(f"{PATH}.max_connections", f"{most!r} is not allowed", "a whole number, 1 or more")
    login = f"{quote(user, safe='')}@" if user else ""
    return _Store(f"{chosen.kind}://{login}{parts.netloc.rpartition('@')[2]}", options)


def _check_keys(
    given: Mapping[str, str], options: Mapping[str, str], variables: tuple[str, str], findings: Findings
) -> None:
    missing = [name for name in ("access_key", "secret_key") if name not in options]
    if missing:
        hint = (
            f"connection: {{access_key: …, secret_key: ${{env:NAME}}}}, or {' and '.join(variables)} in the environment"
        )
        findings.add(_where(given), f"there is no {missing[0]}", hint)


def _check_endpoint(url: str, findings: Findings) -> None:
    parts = _parts(url)
    if parts is None or parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
        hint = "https://host, or http://host:port; the bucket stands in files"
        findings.add(f"{PATH}.endpoint", "this is no address of a server", hint)


def _parts(url: str) -> SplitResult | None:
    """Return the parts of a URL; None: it is none."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return None
    return parts


def _where(given: Mapping[str, str]) -> str:
    """Return where a missing value is told: at the connection, where there is one."""
    return PATH if given else _FILES
