"""How secrets are kept: sealed with AES-256-GCM under a key that is not in the ledger, bound to the place they belong to.

A sealed text is ``v1.<key id>.<nonce and cipher text>``. The key id says which key opens it, so keys can be rotated: the first key seals, every
key opens. The place (scope, kind, id) is authenticated with the text: a sealed secret that is copied to another document does not open there.
"""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from headrace.core.codec import Json
from headrace.core.errors import Code, Problem

MASK = "******"
"""Stands where a secret was, and, in an update, for a secret that is to stay."""

_KEY_BYTES = 32
_NONCE_BYTES = 12
_SEPARATOR = "\x1f"


class Sealer:
    """Seals and opens secrets; the only holder of the keys."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        if not keys or any(len(key) != _KEY_BYTES for key in keys):
            raise Problem(Code.INVALID, f"a sealer needs at least one key, each of {_KEY_BYTES} bytes")
        self._keys = {_key_id(key): key for key in keys}
        self._first = _key_id(keys[0])

    @property
    def key_id(self) -> str:
        """Return the id of the key that seals."""
        return self._first

    def seal(self, plain: str, *place: str) -> str:
        """Return ``plain`` sealed for ``place``."""
        nonce = os.urandom(_NONCE_BYTES)
        sealed = AESGCM(self._keys[self._first]).encrypt(nonce, plain.encode(), _bind(place))
        return f"v1.{self._first}.{base64.urlsafe_b64encode(nonce + sealed).decode('ascii')}"

    def open(self, sealed: str, *place: str) -> str:
        """Return what ``seal`` was given for the same ``place``.

        Raises:
            Problem: ``UNAVAILABLE``: it was sealed with a key that this process does not have, for another place, or was changed.
        """
        version, _, rest = sealed.partition(".")
        key_id, _, text = rest.partition(".")
        key = self._keys.get(key_id)
        if version != "v1" or key is None:
            raise Problem(
                Code.UNAVAILABLE,
                "a stored secret cannot be opened: its key is not here; give it in HEADRACE_SECRET_KEY",
                context={"key_id": key_id, "place": place},
            )
        try:
            raw = base64.urlsafe_b64decode(text)
            return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], _bind(place)).decode()
        except (InvalidTag, ValueError) as error:
            raise Problem(
                Code.UNAVAILABLE, "a stored secret cannot be opened: it was changed", context={"place": place}
            ) from error

    def signing_keys(self, purpose: str) -> tuple[bytes, ...]:
        """Return keys for signatures of one ``purpose``, the newest first; they tell nothing about the sealing keys."""
        ordered = [self._keys[self._first], *(key for name, key in self._keys.items() if name != self._first)]
        return tuple(hmac.digest(key, f"headrace {purpose}".encode(), "sha256") for key in ordered)


def parse_keys(text: str) -> tuple[bytes, ...]:
    """Return the keys that ``text`` (base64, comma-separated) holds.

    Raises:
        Problem: ``INVALID``: it is no base64 of 32 bytes; the text itself is not repeated.
    """
    keys = []
    for number, part in enumerate(filter(None, (piece.strip() for piece in text.split(","))), 1):
        try:
            key = base64.b64decode(part.replace("-", "+").replace("_", "/"), validate=True)
        except (ValueError, binascii.Error):
            key = b""
        if len(key) != _KEY_BYTES:
            raise Problem(Code.INVALID, f"key {number} of the secret key is not base64 of {_KEY_BYTES} bytes")
        keys.append(key)
    return tuple(keys)


def read_or_make_keys(file: Path) -> tuple[bytes, ...]:
    """Return the keys in ``file``; make it (mode 0600, one random key) if it is not there.

    Processes that start at the same moment agree: the file appears whole, and only the first one's stays.

    Raises:
        Problem: ``INVALID``: the file holds no key, or others than its owner may read it.
    """
    if not file.exists():
        draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(base64.b64encode(os.urandom(_KEY_BYTES)) + b"\n")
            stream.flush()
            os.fsync(stream.fileno())
        try:
            os.link(draft, file)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    if file.stat().st_mode & 0o077:
        raise Problem(Code.INVALID, f"{file} can be read by others; make it yours alone: chmod 600 {file}")
    keys = parse_keys(",".join(file.read_text(encoding="ascii").split()))
    if not keys:
        raise Problem(Code.INVALID, f"{file} holds no key; restore it from a backup: without it no stored secret opens")
    return keys


def take_out(body: Json, is_secret: Callable[[str], bool]) -> tuple[Json, dict[str, str]]:
    """Return ``body`` with every secret text masked, and the secrets by their paths (``auth/params/password``).

    ``is_secret`` is asked for each object key. Texts and numbers below a secret key are secrets too (numbers become texts). A text that is the mask
    already is not taken.
    """
    found: dict[str, str] = {}
    return _take(body, is_secret, "", found, below=False), found


def put_back(body: Json, secrets_by_path: Mapping[str, str]) -> Json:
    """Return ``body`` with the secrets that ``take_out`` found in their places again."""
    return _put(body, secrets_by_path, "")


def _take(value: Json, is_secret: Callable[[str], bool], path: str, found: dict[str, str], *, below: bool) -> Json:
    if below and isinstance(value, int | float):
        value = str(value)
    if isinstance(value, str):
        if not below or value == MASK:
            return value
        found[path] = value
        return MASK
    if isinstance(value, Mapping):
        return {
            key: _take(item, is_secret, _join(path, key), found, below=below or is_secret(key))
            for key, item in value.items()
        }
    if isinstance(value, Sequence):
        return [
            _take(item, is_secret, _join(path, str(number)), found, below=below) for number, item in enumerate(value)
        ]
    return value


def _put(value: Json, secrets_by_path: Mapping[str, str], path: str) -> Json:
    if isinstance(value, str):
        return secrets_by_path.get(path, value) if value == MASK else value
    if isinstance(value, Mapping):
        return {key: _put(item, secrets_by_path, _join(path, key)) for key, item in value.items()}
    if isinstance(value, Sequence):
        return [_put(item, secrets_by_path, _join(path, str(number))) for number, item in enumerate(value)]
    return value


def _join(path: str, key: str) -> str:
    # A slash in a key must not look like a step down.
    step = key.replace("~", "~0").replace("/", "~1")
    return f"{path}/{step}" if path else step


def _key_id(key: bytes) -> str:
    return hashlib.sha256(b"headrace key id" + key).hexdigest()[:8]


def _bind(place: Sequence[str]) -> bytes:
    return _SEPARATOR.join(place).encode()
