"""The installation's own address, for callbacks that its workers hand out: they serve nothing, and no request tells them."""

from headrace.bootstrap.application import Application
from headrace.core.errors import Code, Problem
from headrace.store import settings
from headrace.store.database import Transaction

_KEY = "serving.address"
_EVERYWHERE = frozenset({"0.0.0.0", "::", ""})  # noqa: S104 — nothing is bound here


def keep_address(application: Application, host: str, port: int) -> None:
    """Write down where this server answers, for workers of the same ledger; the newest server counts.

    A server that listens on every address of its machine is reached by others under names that only its operator knows (``HEADRACE_PUBLIC_URL``).
    """
    shown = "127.0.0.1" if host in _EVERYWHERE else f"[{host}]" if ":" in host else host
    with application.database.transaction() as tx:
        settings.put(tx, _KEY, f"http://{shown}:{port}", application.clock.now())


def kept_address(tx: Transaction) -> str | None:
    """Return where the newest server of this ledger has said that it answers; None: there was none."""
    kept = settings.get(tx, _KEY)
    return kept if isinstance(kept, str) else None


def own_address(application: Application) -> str:
    """Return where callers reach this installation: what the settings say, else where its newest server answers.

    Raises:
        Problem: ``UNAVAILABLE``: nothing says where.
    """
    if application.settings.public_url:
        return application.settings.public_url
    with application.database.reading() as tx:
        kept = kept_address(tx)
    if kept is None:
        raise Problem(Code.UNAVAILABLE, "no server of this installation has told its address; set HEADRACE_PUBLIC_URL")
    return kept
