"""Memory that processes which stay can do without."""

import ctypes
import gc
import multiprocessing
import sys
import threading
from collections.abc import Callable
from importlib import import_module

_PICTURES = ("rich", "pygments")
"""What libraries load to draw on terminals, if they find it; all of them work without."""
_LIBRARIES = ("structlog", "httpx")


def load_without_pictures() -> None:
    """Load the libraries that look for what draws on terminals, so that they do not find it: 6 MB. To be called before anybody else loads them."""
    hidden = [name for name in _PICTURES if name not in sys.modules]
    # A name that stands for nothing is what Python takes for a module that is not there.
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]  # None is allowed, and means just that
    try:
        for name in _LIBRARIES:
            import_module(name)
    finally:
        for name in hidden:
            del sys.modules[name]


def aside(work: Callable[[], object]) -> None:
    """Do ``work`` in a process that ends with it, and takes what that loads along; where this cannot be, nothing is done.

    For a process that has one thread only. Whatever goes wrong there goes wrong again, and is told, when it is done here.
    """
    if threading.active_count() > 1 or "fork" not in multiprocessing.get_all_start_methods():
        return
    child = multiprocessing.get_context("fork").Process(target=_quietly, args=(work,))
    child.start()
    child.join()


def give_back() -> None:
    """Give back to the machine what loading has left behind; called once, before a process begins to wait."""
    gc.collect()
    # What is there now stays: no later collection needs to look at it.
    gc.freeze()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _quietly(work: Callable[[], object]) -> None:
    try:
        work()
    except Exception:  # noqa: BLE001 — done again by the parent, which tells
        sys.exit(1)
