"""Which linked services stand for storage accounts that triggers name, as the operator says it in the settings."""

import json
from collections.abc import Mapping

from headrace.core.errors import Code, FieldError, Problem


def parse_storage_accounts(text: str) -> Mapping[str, str]:
    """Return the names of linked services that the JSON object ``text`` (empty: none) has, by accounts in lower case.

    Raises:
        Problem: ``INVALID``: it is no such object.
    """
    try:
        found = json.loads(text) if text else {}
    except ValueError:
        found = None
    if not isinstance(found, dict) or not all(isinstance(name, str) and name for name in found.values()):
        hint = '{"/subscriptions/…/storageAccounts/sales": "LinkedService"}'
        error = FieldError("datafactory_storage_accounts", "is no JSON object of names of linked services", hint)
        raise Problem.of_fields(Code.INVALID, "the configuration", (error,))
    return {account.lower().rstrip("/"): name for account, name in found.items()}
