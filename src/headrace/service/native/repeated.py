"""Requests that were asked before: the same key gets the same answer, and nothing is done again."""

import hashlib
import json
from collections.abc import Callable
from typing import TypeVar

from headrace.core.client import Identity
from headrace.core.clock import MINUTE
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.native.wire import from_wire, to_wire
from headrace.service.native.desk import NativeDesk
from headrace.store import idempotency

Told = TypeVar("Told")

_DONE = 200
_PATIENCE = 5 * MINUTE
"""After so long, who was answering a request is taken to have died."""


def told_once(
    desk: NativeDesk, caller: Identity, key: str | None, facts: Json, told: type[Told], do: Callable[[], Told]
) -> Told:
    """Return what ``do`` tells, or what it told when the caller asked with this key before (None: there is no key, it is done). Kept for a day.

    ``facts`` tell the request from others. What is refused is not kept, and may be asked again.

    Raises:
        Problem: ``CONFLICT``: the key belongs to another request, or the request is being answered at this moment; what ``do`` raises.
    """
    if key is None:
        return do()
    scope, word = f"native/{caller.client_id}", hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    now = desk.clock.now()
    with desk.database.transaction() as tx:
        before = idempotency.claim(tx, scope, key, word, now)
        if before is not None and before.status == idempotency.UNANSWERED and before.text == word:
            is_dead = before.created_at < now - _PATIENCE
            if is_dead and idempotency.take_over(tx, scope, key, word, word, now):
                before = None
    if before is not None:
        return _again(before, word, told)
    try:
        answer = do()
    except BaseException:
        # Whatever it was: nobody is to be told that this request is still being answered.
        with desk.database.transaction() as tx:
            kept = idempotency.claim(tx, scope, key, word, now)
            if kept is None or kept.status == idempotency.UNANSWERED:
                idempotency.drop(tx, scope, key)
        raise
    with desk.database.transaction() as tx:
        kept = idempotency.claim(tx, scope, key, word, now)
        if kept is None or kept.status == idempotency.UNANSWERED:
            text = json.dumps({"word": word, "told": to_wire(answer)}, default=dict)
            idempotency.keep(tx, scope, key, _DONE, text)
            return answer
    # It took so long that somebody else has answered meanwhile: one answer is told to all.
    return _again(kept, word, told)


def _again(before: idempotency.Answered, word: str, told: type[Told]) -> Told:
    if before.status == idempotency.UNANSWERED:
        if before.text != word:
            raise _in_use()
        raise Problem(Code.CONFLICT, "this request is being answered at this moment; ask again for the answer")
    kept = json.loads(before.text)
    if not isinstance(kept, dict) or kept.get("word") != word:
        raise _in_use()
    return from_wire(told, kept["told"])


def _in_use() -> Problem:
    return Problem(Code.CONFLICT, "the request key was used before for something else; a new request needs a new key")
