"""The stores that the behaviour suite runs on: one server of each kind for all tests."""

from collections.abc import Iterator

import pytest

from stores import Shelf, azure_shelf, gcs_shelf, local_shelf, s3_shelf, server_shelf


@pytest.fixture(scope="session")
def local_store(tmp_path_factory: pytest.TempPathFactory) -> Shelf:
    """Return a folder of this machine."""
    return local_shelf(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="session")
def s3_store() -> Iterator[Shelf]:
    """Return moto's S3 server."""
    with s3_shelf() as shelf:
        yield shelf


@pytest.fixture(scope="session")
def azure_store() -> Iterator[Shelf]:
    """Return Azurite."""
    with azure_shelf() as shelf:
        yield shelf


@pytest.fixture(scope="session")
def gcs_store() -> Iterator[Shelf]:
    """Return Google's emulator."""
    with gcs_shelf() as shelf:
        yield shelf


@pytest.fixture(scope="session")
def sftp_store() -> Iterator[Shelf]:
    """Return an SFTP server."""
    with server_shelf("sftp") as shelf:
        yield shelf


@pytest.fixture(scope="session")
def ftp_store() -> Iterator[Shelf]:
    """Return an FTP server."""
    with server_shelf("ftp") as shelf:
        yield shelf


@pytest.fixture(scope="session")
def old_ftp_store() -> Iterator[Shelf]:
    """Return an FTP server that knows old commands only."""
    with server_shelf("old-ftp") as shelf:
        yield shelf
