"""TLS of calls: the server's certificate is looked at unless somebody says not to, and a client's own is shown where one is given."""

import datetime as dt
import http.server
import ssl
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    pkcs12,
)
from cryptography.x509.oid import NameOID

from headrace.core.errors import Code, Problem
from headrace.dataplane.connectors.certificates import tls_context
from headrace.dataplane.connectors.egress import Egress
from headrace.dataplane.connectors.web import WebClient, WebRequest

PASSWORD = "of the certificate"


@dataclass(frozen=True)
class Secured:
    """A server that wants to see the one certificate that it knows."""

    url: str
    pfx: bytes


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Stand on loopback, with TLS."""
    key, certificate = _certificate()
    file = tmp_path_factory.mktemp("tls") / "own.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    context.load_verify_locations(file)
    context.verify_mode = ssl.CERT_REQUIRED
    server = _Server(("127.0.0.1", 0), _Answering)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    sealed = BestAvailableEncryption(PASSWORD.encode())
    yield Secured(
        f"https://127.0.0.1:{server.server_address[1]}/",
        pkcs12.serialize_key_and_certificates(b"c", key, certificate, None, sealed),
    )
    server.shutdown()
    server.server_close()
    thread.join(10)


def test_a_certificate_is_shown_to_a_server_that_asks(secured: Secured) -> None:
    """Nothing of it is left on the disk; without it, or where the server's own is looked at, there is no answer."""
    client = WebClient(Egress(("127.0.0.1",)), tls=tls_context(verify=False, pfx=secured.pfx, password=PASSWORD))
    assert client.send(WebRequest("GET", secured.url)).body == b"seen"
    for context in (tls_context(verify=False), tls_context(pfx=secured.pfx, password=PASSWORD)):
        with pytest.raises(Problem) as raised:
            WebClient(Egress(("127.0.0.1",)), tls=context).send(WebRequest("GET", secured.url))
        assert raised.value.code is Code.SOURCE_UNAVAILABLE


@pytest.mark.parametrize("password", ["", "another"])
def test_a_certificate_that_does_not_open_is_told(secured: Secured, password: str) -> None:
    """The message has nothing of it."""
    with pytest.raises(Problem, match="is no PKCS #12, or its password does not open it"):
        tls_context(pfx=secured.pfx, password=password)


class _Answering(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("content-length", "4")
        self.end_headers()
        self.wfile.write(b"seen")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class _Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Say nothing: clients of these tests go away."""


def _certificate() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "headrace tests")])
    now = dt.datetime.now(dt.UTC)
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    )
    return key, builder.sign(key, hashes.SHA256())
