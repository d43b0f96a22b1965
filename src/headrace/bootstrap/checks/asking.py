"""Asking a server whether it is there and ready, as anybody may."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import httpx

from headrace.http.links import is_loopback

SECONDS = 4.0
"""What an answer may take."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came: the status (0: nothing did, and ``why`` says it), and the JSON object, empty if it was none.

    ``is_refused``: there is nobody to answer.
    """

    status: int
    why: str = ""
    document: Mapping[str, Any] = field(default_factory=dict)
    is_refused: bool = False


def get(url: str) -> Answer:
    """Return what a server answers; never raises."""
    host = urlsplit(url).hostname or ""
    try:
        # No proxy stands between this machine and itself.
        with httpx.Client(timeout=SECONDS, trust_env=not is_loopback(host)) as client:
            response = client.get(url)
            try:
                found = response.json()
            except ValueError:
                found = None
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        is_refused = isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)
        return Answer(0, str(error) or type(error).__name__, is_refused=is_refused)
    return Answer(response.status_code, "", found if isinstance(found, dict) else {})


def is_headrace(answer: Answer) -> bool:
    """Say whether a server of ours has answered ``/healthz``."""
    return answer.status == 200 and answer.document.get("status") == "ok"


def problems_of(answer: Answer) -> list[str]:
    """Return what keeps a server from being ready, in its words (``/readyz``); empty: it is ready."""
    if answer.status == 200:
        return []
    said = answer.document.get("problems")
    return [str(one) for one in said] if isinstance(said, list) and said else [answer.why or f"status {answer.status}"]
