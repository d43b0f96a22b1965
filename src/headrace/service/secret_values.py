"""Secret values of runs (parameters of the type SecureString): sealed in the ledger, for whatever executes the run to open.

A sealed value is bound to the scope and not to its run, since it goes on to further runs: recoveries, and runs made by runs.
"""

from collections.abc import Mapping

from headrace.core.codec import Json
from headrace.service.sealing import Sealer

_KEY = "$sealed"
_PLACE = "value of a run"


def seal_value(sealer: Sealer, scope: str, text: str) -> Mapping[str, Json]:
    """Return ``text`` as it is kept in a run of ``scope``."""
    return {_KEY: sealer.seal(text, scope, _PLACE)}


def is_sealed(value: Json) -> bool:
    """Say whether ``value`` has the form of what ``seal_value`` returns."""
    return isinstance(value, Mapping) and value.keys() == {_KEY} and isinstance(value[_KEY], str)


def open_value(sealer: Sealer, scope: str, value: Json) -> Json:
    """Return the text that ``value`` holds sealed, and any other value as it is.

    Raises:
        Problem: ``UNAVAILABLE``: the key that sealed it is not here, or it was sealed in another scope.
    """
    if isinstance(value, Mapping) and is_sealed(value):
        return sealer.open(str(value[_KEY]), scope, _PLACE)
    return value
