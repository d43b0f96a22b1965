"""TLS for calls that show a certificate of their own, or that do not look at the server's."""

import os
import ssl
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat
from cryptography.hazmat.primitives.serialization.pkcs12 import load_pkcs12

from headrace.core.errors import Code, Problem


def tls_context(*, verify: bool = True, pfx: bytes = b"", password: str = "") -> ssl.SSLContext:
    """Return a context for a client; ``pfx`` (PKCS #12) is the certificate that it shows, ``verify`` False takes any server's.

    Raises:
        Problem: ``INVALID``: ``pfx`` is none, ``password`` does not open it, or it has no key.
    """
    context = ssl.create_default_context()
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if pfx:
        _show(context, pfx, password)
    return context


def _show(context: ssl.SSLContext, pfx: bytes, password: str) -> None:
    try:
        found = load_pkcs12(pfx, password.encode() or None)
    except ValueError as error:
        raise Problem(
            Code.INVALID, "the client certificate is no PKCS #12, or its password does not open it"
        ) from error
    if found.key is None or found.cert is None:
        raise Problem(Code.INVALID, "the client certificate has no private key, or no certificate")
    # Only files can be read by the library: the key in it is locked with a password that nobody else has, and the file is gone at once.
    lock = os.urandom(32).hex()
    key = found.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(lock.encode()))
    chain = [found.cert, *found.additional_certs]
    with tempfile.TemporaryDirectory(prefix="headrace-") as folder:
        file = Path(folder) / "client.pem"
        file.write_bytes(key + b"".join(each.certificate.public_bytes(Encoding.PEM) for each in chain))
        context.load_cert_chain(file, password=lock)
