"""Callbacks: addresses at which somebody outside says, once, how an attempt at an activity of a run has ended.

Whoever has the address needs no other credential: it is signed, so nobody can guess one or make one up.
"""

import base64
import binascii
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass

from headrace.core.clock import Clock
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.service.sealing import Sealer
from headrace.store import activity_runs, runs, signals
from headrace.store.database import Database

PATH = "/datafactory/callbacks"
"""Where callbacks are heard, below the installation's own address."""
_PURPOSE = "callback"
_PARTS = 3
_LONGEST = 8192


@dataclass(frozen=True, slots=True)
class CallbackTarget:
    """The attempt that a callback is for."""

    run_id: str
    path: str
    attempt: int


def callback_url(base: str, target: CallbackTarget, sealer: Sealer) -> str:
    """Return the address for callbacks to ``target``, always the same one; ``base`` is the installation's own."""
    text = json.dumps([target.run_id, target.path, target.attempt], separators=(",", ":")).encode()
    signature = _signature(sealer.signing_keys(_PURPOSE)[0], text)
    return f"{base.rstrip('/')}{PATH}/{_plain(text)}.{_plain(signature)}"


def read_callback(token: str, sealer: Sealer) -> CallbackTarget:
    """Return what the last segment of such an address is for.

    Raises:
        Problem: ``NOT_FOUND``: none of ours, or made with a key that is not here any more.
    """
    text, _, signature = token.partition(".")
    try:
        signed, given = _bytes(text), _bytes(signature)
    except (ValueError, binascii.Error):
        raise _unknown() from None
    keys = sealer.signing_keys(_PURPOSE)
    if len(token) > _LONGEST or not any(hmac.compare_digest(_signature(key, signed), given) for key in keys):
        raise _unknown()
    parts = json.loads(signed)
    if not isinstance(parts, list) or len(parts) != _PARTS:
        raise _unknown()
    return CallbackTarget(str(parts[0]), str(parts[1]), int(parts[2]))


def hear(database: Database, target: CallbackTarget, body: Mapping[str, Json], clock: Clock) -> bool:
    """Hand ``{"callback": body}`` to the attempt; say whether it was the first that it was told (a further one changes nothing).

    Raises:
        Problem: ``NOT_FOUND``: the attempt has ended, or its run is not there any more.
    """
    with database.transaction() as tx:
        rows = activity_runs.at_path(tx, target.run_id, target.path)
        if not any(row.attempt == target.attempt and not row.status.is_final for row in rows):
            raise Problem(Code.NOT_FOUND, "nobody waits for this callback any more")
        run = runs.get(tx, None, target.run_id)
        message = {"callback": body}
        return signals.send(tx, run.scope, run.id, target.path, target.attempt, message, clock.now())


def _signature(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def _plain(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _bytes(plain: str) -> bytes:
    return base64.b64decode(plain.encode("ascii") + b"=" * (-len(plain) % 4), altchars=b"-_", validate=True)


def _unknown() -> Problem:
    return Problem(Code.NOT_FOUND, "there is no such callback")
