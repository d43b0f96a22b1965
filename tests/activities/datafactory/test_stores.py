"""Linked services that are file stores, as the data plane connects to them."""

from collections.abc import Mapping

import pytest

from headrace.activities.datafactory.attempt import Attempt, Refused, Result
from headrace.activities.datafactory.linked import Definition
from headrace.activities.datafactory.secret_source import SecretSource
from headrace.activities.datafactory.stores import connection_of
from headrace.core.codec import Json
from headrace.core.outcome import Outcome
from headrace.dataplane.connectors.connection import ConnectionInfo
from pipeline_desk import Desk

KEY = {"type": "SecureString", "value": "the-key"}


def _connection(kind: str, properties: Mapping[str, Json], location: Mapping[str, Json]) -> ConnectionInfo | None:
    found: list[ConnectionInfo | None] = []

    def act(attempt: Attempt) -> Result:
        definition = Definition("L", {"type": kind, "typeProperties": properties})
        secrets = SecretSource("env:", {"FROM_VAULT": "vaulted"})
        found.append(connection_of(attempt, definition, location, secrets))
        return Outcome({"shown": "the-key"})

    outcome = Desk().act(act, {})
    if outcome.failure is not None:
        raise Refused(outcome.failure)
    return found[0]


@pytest.mark.parametrize(
    ("kind", "properties", "location", "expected"),
    [
        (
            "AmazonS3",
            {"accessKeyId": "id", "secretAccessKey": KEY},
            {"bucketName": "b"},
            ConnectionInfo(
                "s3", "https://s3.amazonaws.com", {"access_key": "id", "secret_key": "the-key", "bucket": "b"}
            ),
        ),
        (
            "AmazonS3Compatible",
            {
                "accessKeyId": "id",
                "secretAccessKey": "plain",
                "serviceUrl": "http://minio:9000/",
                "forcePathStyle": True,
            },
            {"bucketName": "b"},
            ConnectionInfo("s3", "http://minio:9000", {"access_key": "id", "secret_key": "plain", "bucket": "b"}),
        ),
        (
            "AzureBlobStorage",
            {
                "connectionString": "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5==;EndpointSuffix=x.net"
            },
            {"container": "c"},
            ConnectionInfo(
                "azure", "https://acc.blob.x.net", {"account": "acc", "account_key": "a2V5==", "container": "c"}
            ),
        ),
        (
            "AzureBlobStorage",
            {"sasUri": {"type": "SecureString", "value": "https://acc.blob.core.windows.net/c?sig=x&se=y"}},
            {"container": "c"},
            ConnectionInfo(
                "azure", "https://acc.blob.core.windows.net", {"account": "acc", "sas": "sig=x&se=y", "container": "c"}
            ),
        ),
        (
            "AzureBlobFS",
            {"url": "https://acc.dfs.core.windows.net", "accountKey": KEY},
            {"fileSystem": "c"},
            ConnectionInfo(
                "azure",
                "https://acc.blob.core.windows.net",
                {"account": "acc", "account_key": "the-key", "container": "c"},
            ),
        ),
        (
            "Sftp",
            {
                "host": "files.example",
                "userName": "a@b",
                "password": {"type": "AzureKeyVaultSecret", "secretName": "from-vault"},
                "hostKeyFingerprint": "SHA256:x",
            },
            {},
            ConnectionInfo("sftp", "sftp://a%40b@files.example:22", {"password": "vaulted", "host_key": "SHA256:x"}),
        ),
        ("FileServer", {"host": "/data"}, {}, None),
    ],
)
def test_a_linked_service_is_a_connection(
    kind: str, properties: Mapping[str, Json], location: Mapping[str, Json], expected: ConnectionInfo | None
) -> None:
    """Secrets are opened, wherever they stand; what a store does not need is left out."""
    assert _connection(kind, properties, location) == expected


@pytest.mark.parametrize(
    ("kind", "properties", "message"),
    [
        ("AzureBlobStorage", {"connectionString": "x=y"}, "names neither AccountName nor BlobEndpoint"),
        ("AzureBlobStorage", {}, "has a 'serviceEndpoint' that is no http or https URL"),
        ("AmazonS3", {"serviceUrl": "ftp://x"}, "has a 'serviceUrl' that is no http or https URL"),
        ("Sftp", {"host": "h", "password": "p"}, "has no 'hostKeyFingerprint'"),
        ("Sftp", {"host": "a/b"}, "has a 'host' that is no name or address"),
        ("Sftp", {"host": "h", "privateKeyContent": "%%"}, "is no base64 of a private key"),
    ],
)
def test_a_linked_service_that_makes_no_sense_is_told(kind: str, properties: Mapping[str, Json], message: str) -> None:
    """By its name, and the property that is wrong; no value is repeated."""
    with pytest.raises(Refused, match=message):
        _connection(kind, properties, {})
