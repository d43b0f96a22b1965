"""Connection specs (7.1, 7.2): what sources there are, and how each is logged in to. The same in all sandboxes."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

PROVIDER_ID = "0ed90a81-07f4-4586-8190-b40eccef1c5a"
AMAZON_S3 = "ecadc60c-7455-4d87-84dc-2a0e293d997b"
AZURE_BLOB = "4c10e202-c428-4796-9208-5f1f5732b1cf"
GOOGLE_CLOUD = "32e8f412-cdf7-464c-9885-78184cb113fd"
SFTP = "b7bf2577-4520-42c9-bae9-cad01560f7bc"
FTP = "fb2e94c9-c031-467d-8103-6bd6e0a432f2"
LANDING_ZONE = "26f526f2-58f4-4712-961d-e41bf1ccc0e8"
LOCAL_FILES = "6f0b0c1e-2f5c-4b7e-9d55-0a1a5f3c7e01"
POSTGRE_SQL = "74a1c565-4e59-48d7-9d67-7c03b8a13137"
MYSQL = "26d738e0-8963-47ea-aadf-c60de735468a"
MARIA_DB = "3000eb99-cd47-43f3-827c-43caf170f015"
SQL_SERVER = "1f372ff9-38a4-4492-96f5-b9a4e4bd00ec"
SNOWFLAKE = "b2e08744-4f1a-40ce-af30-7abac3e23cf3"
BIG_QUERY = "3c9b37f8-13a6-43d8-bad3-b863b941fedd"
DATA_LAKE = "c604ff05-7f1a-43c0-8e18-33bf874cb11c"
CLOUD_STORAGE_TO_AEP = "9753525b-82c7-4dce-8a9b-5ccfce2b9876"
CRM_TO_AEP = "14518937-270c-4525-bdec-c2ba7cce3860"
SECRET = "******"  # noqa: S105 — what is shown in the place of a secret, not one
"""Shown in the place of a secret; sent back, it leaves the stored one unchanged."""

CONNECTION_STRING_AUTH = "Connection String Based Authentication"


class SourceKind(StrEnum):
    """What a source holds."""

    FILES = "files"
    TABLES = "tables"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of an auth spec; a secret one is sealed and never returned. ``least``: its smallest value, for whole numbers."""

    name: str
    title: str
    required: bool = True
    secret: bool = False
    least: int | None = None
    default: int | None = None

    @property
    def is_number(self) -> bool:
        """Say whether a whole number is expected (numeric strings are borne)."""
        return self.least is not None


@dataclass(frozen=True, slots=True)
class AuthSpec:
    """One way of logging in: its name, the names that it has elsewhere, its type on the wire."""

    name: str
    type: str
    parameters: tuple[Parameter, ...]
    also: tuple[str, ...] = ()

    def is_called(self, name: str) -> bool:
        """Say whether ``specName`` means this one; case does not count."""
        return name.strip().lower() in {known.lower() for known in (self.name, *self.also)}

    def parameter(self, name: str) -> Parameter | None:
        """Return the parameter of this name, or None."""
        return next((one for one in self.parameters if one.name == name), None)


@dataclass(frozen=True, slots=True)
class Spec:
    """A connection spec that can be used as a source. Without ``auth`` it has no base connections. ``escape`` quotes column names."""

    id: str
    name: str
    kind: SourceKind
    label: str
    auth: tuple[AuthSpec, ...]
    escape: str = ""

    def auth_spec(self, name: str) -> AuthSpec | None:
        """Return the auth spec that ``specName`` means, or None."""
        return next((one for one in self.auth if one.is_called(name)), None)


def _secret(name: str, title: str, *, required: bool = True) -> Parameter:
    return Parameter(name, title, required=required, secret=True)


def _may(name: str, title: str) -> Parameter:
    return Parameter(name, title, required=False)


_FOLDER = _may("folderPath", "Folder that the connection is restricted to")
_CONTAINER = _may("container", "Container; without it, the first segment of a path names it")
_BUCKET = _may("bucketName", "Bucket; without it, the first segment of a path names it")
_CONNECTIONS = Parameter("maxConcurrentConnections", "Connections at the same time", required=False, least=1)
_HOST_KEY = _may("hostKeyFingerprint", "SHA256 fingerprint that the server's key must have")
_HOST, _USER = Parameter("host", "Host name or address"), Parameter("userName", "User")
_PASSWORD = _secret("password", "Password")


def _login(name: str, port: Parameter, *further: Parameter) -> AuthSpec:
    return AuthSpec(name, "BasicAuthentication", (_HOST, port, _USER, *further))


def _by_string(form: str, name: str = CONNECTION_STRING_AUTH, *also: str) -> tuple[AuthSpec, ...]:
    return (AuthSpec(name, "connectionStringAuth", (_secret("connectionString", form),), also),)


_SFTP_PORT = Parameter("port", "Port", required=False, least=1, default=22)
_FTP_PORT = Parameter("port", "Port", required=False, least=1, default=21)
_MYSQL_FORM = "Server={HOST};Port={PORT};Database={DATABASE};UID={USER};PWD={PASSWORD}"

_S3 = AuthSpec(
    "Access Key",
    "Access Key Auth",
    (
        Parameter("s3AccessKey", "Access key id"),
        _secret("s3SecretKey", "Secret access key"),
        _secret("s3SessionToken", "Session token", required=False),
        _may("serviceUrl", "Address of an S3-compatible server"),
        _BUCKET,
        _FOLDER,
    ),
)
_AZURE = (
    AuthSpec(
        "ConnectionString",
        "BasicAuthentication",
        (_secret("connectionString", "Connection string of the storage account"), _CONTAINER, _FOLDER),
    ),
    AuthSpec(
        "SAS URI Authentication",
        "BasicAuthentication",
        (_secret("sasUri", "Address with a shared access signature"), _CONTAINER, _FOLDER),
        ("SasURIAuthentication",),
    ),
)
_GOOGLE = AuthSpec(
    "Basic Authentication for google-cloud",
    "KeyBased",
    (
        Parameter("accessKeyId", "Access id of the HMAC key"),
        _secret("secretAccessKey", "Secret of the HMAC key"),
        _BUCKET,
        _FOLDER,
        _may("serviceUrl", "Address of a compatible server"),
    ),
)
_SFTP = (
    _login("Basic Authentication for sftp", _SFTP_PORT, _PASSWORD, _CONNECTIONS, _FOLDER, _HOST_KEY),
    _login(
        "SSH PublicKey Authentication for sftp",
        _SFTP_PORT,
        _secret("privateKeyContent", "Private key, in base64"),
        _secret("passPhrase", "Passphrase of the key", required=False),
        _CONNECTIONS,
        _FOLDER,
        _HOST_KEY,
    ),
)
_SNOWFLAKE = (
    *_by_string(
        "jdbc:snowflake://{ACCOUNT}.snowflakecomputing.com/?user={USER}&password={PASSWORD}&db={DATABASE}&warehouse={WAREHOUSE}",
        "ConnectionString",
        "Basic Authentication for Snowflake",
    ),
    AuthSpec(
        "KeyPair Authentication",
        "BasicAuthentication",
        (
            Parameter("account", "Account"),
            Parameter("username", "User"),
            Parameter("database", "Database"),
            Parameter("warehouse", "Warehouse"),
            _secret("privateKey", "Private key, PEM or base64"),
            _secret("privateKeyPassphrase", "Passphrase of the key", required=False),
            _may("role", "Role"),
        ),
    ),
)
_PROJECT = Parameter("project", "Project")
_BIG_QUERY = (
    AuthSpec(
        "Basic Authentication",
        "OAuth2.0",
        (
            _PROJECT,
            Parameter("clientId", "Client id"),
            _secret("clientSecret", "Client secret"),
            _secret("refreshToken", "Refresh token"),
            _may("largeResultsDataSetId", "Dataset for large results"),
        ),
    ),
    AuthSpec(
        "Service Authentication",
        "KeyBased",
        (_PROJECT, _secret("keyFileContent", "Key of a service account: JSON or base64 of it")),
    ),
)
_POSTGRES_FORM = "Server={HOST};Database={DATABASE};Port={PORT};UID={USER};Password={PASSWORD}"
_SQL_SERVER_FORM = (
    "Data Source={HOST};Initial Catalog={DATABASE};Integrated Security=False;User ID={USER};Password={PASSWORD};"
)
_DIRECTORY = AuthSpec("Directory", "BasicAuthentication", (Parameter("rootPath", "Absolute path of a directory"),))
_FTP = _login("Basic Authentication for FTP", _FTP_PORT, _PASSWORD, _CONNECTIONS, _FOLDER)

_FILES, _TABLES = SourceKind.FILES, SourceKind.TABLES
SOURCES: Mapping[str, Spec] = {
    spec.id: spec
    for spec in (
        Spec(AMAZON_S3, "amazon-s3", _FILES, "Amazon S3", (_S3,)),
        Spec(AZURE_BLOB, "azure-blob", _FILES, "Azure Blob Storage", _AZURE),
        Spec(GOOGLE_CLOUD, "google-cloud", _FILES, "Google Cloud Storage", (_GOOGLE,)),
        Spec(SFTP, "sftp", _FILES, "SFTP", _SFTP),
        Spec(FTP, "ftp", _FILES, "FTP", (_FTP,)),
        Spec(LANDING_ZONE, "landing-zone", _FILES, "Data Landing Zone", ()),
        Spec(LOCAL_FILES, "local-files", _FILES, "Local files", (_DIRECTORY,)),
        Spec(POSTGRE_SQL, "postgre-sql", _TABLES, "PostgreSQL", _by_string(_POSTGRES_FORM), '"'),
        Spec(MYSQL, "mysql", _TABLES, "MySQL", _by_string(_MYSQL_FORM), "`"),
        Spec(MARIA_DB, "maria-db", _TABLES, "MariaDB", _by_string(_MYSQL_FORM), "`"),
        Spec(SQL_SERVER, "sql-server", _TABLES, "Microsoft SQL Server", _by_string(_SQL_SERVER_FORM), '"'),
        Spec(SNOWFLAKE, "snowflake", _TABLES, "Snowflake", _SNOWFLAKE, '"'),
        Spec(BIG_QUERY, "google-big-query", _TABLES, "Google BigQuery", _BIG_QUERY, "`"),
    )
}
"""The sources that can be used, by spec id."""

_KIND_OF_FLOW = {CRM_TO_AEP: SourceKind.TABLES, CLOUD_STORAGE_TO_AEP: SourceKind.FILES}
_SECRET_WORDS = ("password", "secret", "token", "passphrase", "pwd", "credential", "connectionstring", "sas")
_SECRET_NAMES = frozenset(
    parameter.name.lower()
    for spec in SOURCES.values()
    for auth in spec.auth
    for parameter in auth.parameters
    if parameter.secret
)


def flow_spec_takes(flow_spec: str, source_spec: str) -> bool:
    """Say whether the flow spec exists and lists the source's connection spec."""
    source = SOURCES.get(source_spec)
    return source is not None and _KIND_OF_FLOW.get(flow_spec) is source.kind


def is_flow_spec(flow_spec: str) -> bool:
    """Say whether there is such a flow spec."""
    return flow_spec in _KIND_OF_FLOW


def is_secret(auth: AuthSpec | None, name: str) -> bool:
    """Say whether the value of a parameter is a secret.

    What ``auth`` does not know may be a secret under a wrong name (``Password``), so names that sound like one are taken for one.
    """
    known = None if auth is None else auth.parameter(name)
    if known is not None:
        return known.secret
    lower = name.lower()
    return lower in _SECRET_NAMES or lower.endswith("key") or any(word in lower for word in _SECRET_WORDS)


def masked(auth: AuthSpec | None, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``params`` with ``SECRET`` in the place of every secret that is there."""
    return {
        name: SECRET if is_secret(auth, name) and value not in (None, "") else value for name, value in params.items()
    }
