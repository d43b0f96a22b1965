"""File stores that tests read from: real servers on loopback, each with a way to put files in and to connect to it.

Every store is a ``Shelf``; ``fresh()`` returns one that begins at a new, empty folder, so that tests share servers and nothing else.
"""

import base64
import os
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import asyncssh
import boto3  # type: ignore[import-untyped]  # it has none
import httpx
import obstore
from botocore.config import Config  # type: ignore[import-untyped]  # it has none
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from obstore.store import AzureStore

from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.signing import azure_headers
from servers import free_port
from waiting import until

TESTS = Path(__file__).parent
AZURITE = TESTS / "npm" / "node_modules" / ".bin" / "azurite-blob"
AZURE_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The key of Azurite's one account, which stands in its manual."""
WRONG_KEY = base64.b64encode(b"wrong").decode()
BUCKET = "shelf"
Put = Callable[[str, bytes], None]


@dataclass(frozen=True)
class Shelf:
    """One folder of a store. ``info`` None: a folder of this machine, which ``root`` names.

    ``wrong``: options with credentials that the server does not know.
    """

    kind: str
    info: ConnectionInfo | None
    put_file: Put
    remove_file: Callable[[str], None]
    folder: str = ""
    root: str = ""
    wrong: Mapping[str, str] = field(default_factory=dict)

    def put(self, name: str, data: bytes = b"x\n1\n") -> None:
        """Write a file."""
        self.put_file(f"{self.folder}/{name}", data)

    def remove(self, name: str) -> None:
        """Remove a file."""
        self.remove_file(f"{self.folder}/{name}")

    def fresh(self) -> "Shelf":
        """Return the shelf of a new folder."""
        folder = uuid.uuid4().hex
        if self.info is None:
            return replace(self, folder=folder, root=f"{self.root}/{folder}")
        return replace(self, folder=folder, info=self.with_options(folder=folder))

    def with_options(self, **options: str) -> ConnectionInfo:
        """Return the connection with other options."""
        assert self.info is not None
        return replace(self.info, options={**self.info.options, **options})


def local_shelf(folder: Path) -> Shelf:
    """Return a folder of this machine as a shelf."""

    def put(name: str, data: bytes) -> None:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)

    return Shelf("local", None, put, lambda name: (folder / name).unlink(missing_ok=True), root=folder.as_uri())


@contextmanager
def s3_shelf() -> Iterator[Shelf]:
    """Run moto's S3 server, which checks signatures and permissions: ``wrong`` are unknown keys."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with _running([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port):
        keys = _owner(url)
        client = boto3.client(
            "s3",
            endpoint_url=url,
            region_name="us-east-1",
            aws_access_key_id=keys["access_key"],
            aws_secret_access_key=keys["secret_key"],
            config=Config(proxies={}),
        )
        client.create_bucket(Bucket=BUCKET)
        httpx.post(f"{url}/moto-api/reset-auth", content=b"0", trust_env=False).raise_for_status()
        info = ConnectionInfo("s3", url, {**keys, "bucket": BUCKET})
        yield Shelf(
            "s3",
            info,
            lambda name, data: _nothing(client.put_object(Bucket=BUCKET, Key=name, Body=data)),
            lambda name: _nothing(client.delete_object(Bucket=BUCKET, Key=name)),
            wrong={"access_key": "AKIAUNKNOWN", "secret_key": "wrong"},
        )


def _owner(url: str) -> dict[str, str]:
    """Make a user that may do everything in S3; return its keys."""
    client = boto3.client(
        "iam", endpoint_url=url, region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )  # fmt: skip
    client.create_user(UserName="owner")
    document = '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":"*"}]}'
    client.put_user_policy(UserName="owner", PolicyName="all", PolicyDocument=document)
    made = client.create_access_key(UserName="owner")["AccessKey"]
    return {"access_key": made["AccessKeyId"], "secret_key": made["SecretAccessKey"]}


@contextmanager
def azure_shelf() -> Iterator[Shelf]:
    """Run Azurite, which checks signatures."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/devstoreaccount1"
    command = [str(AZURITE), "--blobHost", "127.0.0.1", "--blobPort", str(port)]
    with _running([*command, "--disableTelemetry", "--skipApiVersionCheck", "--inMemoryPersistence", "--silent"], port):
        store = AzureStore(
            BUCKET,
            account_name="devstoreaccount1",
            account_key=AZURE_KEY,
            endpoint=url,
            client_options={"allow_http": True},
        )
        info = ConnectionInfo(
            "azure", url, {"account": "devstoreaccount1", "account_key": AZURE_KEY, "container": BUCKET}
        )
        _make_container(info)
        yield Shelf(
            "azure",
            info,
            lambda name, data: _nothing(obstore.put(store, name, data)),
            lambda name: obstore.delete(store, name),
            wrong={"account_key": WRONG_KEY},
        )


def _make_container(info: ConnectionInfo) -> None:
    path, query = f"/devstoreaccount1/{BUCKET}", (("restype", "container"),)
    key = base64.b64decode(AZURE_KEY)
    headers = azure_headers("devstoreaccount1", key, "PUT", path, query, {}, datetime.now(UTC))
    url = f"{info.url.removesuffix('/devstoreaccount1')}{path}?restype=container"
    httpx.put(url, headers={**headers, "Content-Length": "0"}, trust_env=False).raise_for_status()


@contextmanager
def gcs_shelf() -> Iterator[Shelf]:
    """Run Google's emulator from PyPI, which speaks the JSON API and asks for no credentials."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "gcp_storage_emulator", "start", "-H", "127.0.0.1", "--port", str(port), "-M"]
    with _running([*command, "-q", "--default-bucket", BUCKET], port), httpx.Client(trust_env=False) as client:

        def put(name: str, data: bytes) -> None:
            place = f"{url}/upload/storage/v1/b/{BUCKET}/o"
            # Its simple upload falls over bodies of no bytes.
            about = b"--b\r\nContent-Type: application/json\r\n\r\n{}\r\n--b\r\nContent-Type: text/plain\r\n\r\n"
            client.post(
                place,
                params={"uploadType": "multipart", "name": name},
                content=about + data + b"\r\n--b--",
                headers={"Content-Type": "multipart/related; boundary=b"},
            ).raise_for_status()

        def remove(name: str) -> None:
            client.delete(f"{url}/storage/v1/b/{BUCKET}/o/{quote(name, safe='')}").raise_for_status()

        yield Shelf("gcs", ConnectionInfo("gcs", f"{url}/storage/v1", {"bucket": BUCKET}), put, remove)


@contextmanager
def server_shelf(kind: str) -> Iterator[Shelf]:
    """Run an SFTP or FTP server of ``store_servers``: ``sftp``, ``ftp``, or ``old-ftp``."""
    port = free_port()
    home = Path(tempfile.mkdtemp(prefix="headrace-store-"))
    folder = home / "root"
    folder.mkdir()
    key = asyncssh.generate_private_key("ssh-ed25519")
    key.write_public_key(home / "key.pub")
    (home / "key").write_bytes(key.export_private_key("openssh", passphrase="open"))
    local = local_shelf(folder)
    scheme = kind.removeprefix("old-")
    info = ConnectionInfo(scheme, f"{scheme}://user@127.0.0.1:{port}", {"password": "secret"})
    try:
        with _running([sys.executable, str(TESTS / "store_servers.py"), kind, str(port), str(folder)], port):
            shelf = Shelf(kind, info, local.put_file, local.remove_file, wrong={"password": "wrong"})
            yield replace(shelf, root=folder.as_uri())
    finally:
        shutil.rmtree(home, ignore_errors=True)


def with_key(shelf: Shelf) -> ConnectionInfo:
    """Return the connection of an SFTP shelf with the private key and the server's fingerprint in place of the password."""
    assert shelf.info is not None
    home = Path(shelf.root.removeprefix("file://")).parent
    options = {
        "private_key": (home / "key").read_text(),
        "passphrase": "open",
        "host_key": (home / "fingerprint").read_text(),
        "folder": shelf.folder,
    }
    return replace(shelf.info, options=options)


@contextmanager
def _running(command: list[str], port: int) -> Iterator[None]:
    """Run a server until the context ends; it is there when its port takes connections."""
    environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        try:
            until(lambda: _answers(process, port), seconds=60, what=f"a server on port {port}: {' '.join(command[:4])}")
            yield
        finally:
            process.kill()
            process.wait(timeout=20)


def _answers(process: "subprocess.Popen[bytes]", port: int) -> bool:
    assert process.poll() is None, f"the server ended while it started ({process.args!r})"
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


def _nothing(answer: object) -> None:
    """Forget an answer."""
    del answer


class Cutter:
    """Stands between a client and a server on loopback, and cuts what comes from the server: the first ``cuts`` connections after ``after`` bytes.

    ``stalls``: it does not cut, it only hands on nothing more.
    """

    def __init__(self, port: int, after: int, cuts: int, *, stalls: bool = False) -> None:
        self._stalls = stalls
        self._target = port
        self._after = after
        self._cuts = cuts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.made = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Take no further connections."""
        self._listener.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                self.made += 1
                left = self._after if self.made <= self._cuts else None
                threading.Thread(target=_pump, args=(client, server, None, False), daemon=True).start()
                threading.Thread(target=_pump, args=(server, client, left, self._stalls), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket, left: int | None, stalls: bool) -> None:
    with suppress(OSError), source, target:
        while data := source.recv(65536 if left is None else min(65536, left)):
            target.sendall(data)
            if left is not None:
                left -= len(data)
                if left <= 0:
                    break
        while stalls and target.recv(65536):
            pass  # until the client has gone
        target.shutdown(socket.SHUT_RDWR)
        source.shutdown(socket.SHUT_RDWR)


def certified(name: str, folder: Path) -> tuple[ssl.SSLContext, Path]:
    """Return a server's side of TLS with a certificate for ``name``, and the file of whoever trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    authority = folder / "authority.pem"
    authority.write_bytes(certificate.public_bytes(Encoding.PEM))
    private = folder / "private.pem"
    private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, private)
    return context, authority
