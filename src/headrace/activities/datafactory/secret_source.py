"""Where secrets that pipelines name, and tokens of identities, come from: places that the operator has configured."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlencode

from headrace.activities.datafactory.attempt import Attempt, refused
from headrace.activities.datafactory.masking import secure_string
from headrace.activities.datafactory.words import BAD_REQUEST
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.egress import EVERYTHING, Egress
from headrace.dataplane.connectors.web import WebClient, WebRequest

_ENVIRONMENT = "env:"
_NAME = re.compile(r"[0-9A-Za-z-]{1,127}")
_MAX_FILE = 1 << 20


@dataclass(frozen=True, slots=True)
class SecretSource:
    """Secrets by their names.

    ``place`` is a directory with a file for each, a file with a JSON object, or ``env:PREFIX_`` for variables of ``environment`` (in upper case,
    with ``_`` for ``-``); empty: there are none.
    """

    place: str = ""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    def find(self, name: str) -> str:
        """Return the secret ``name``.

        Raises:
            Problem: ``NOT_FOUND``: there is none, or no place for them; ``UNAVAILABLE``: the place cannot be read.
        """
        if not self.place:
            raise Problem(
                Code.NOT_FOUND, f"the secret '{name}' has no source; set HEADRACE_DATAFACTORY_SECRETS on the server"
            )
        found = self._look_up(name) if _NAME.fullmatch(name) else None
        if found is None:
            raise Problem(Code.NOT_FOUND, f"the server's source of secrets has no '{name}'")
        return found

    def _look_up(self, name: str) -> str | None:
        if self.place.startswith(_ENVIRONMENT):
            prefix = self.place.removeprefix(_ENVIRONMENT)
            return self.environment.get(prefix + name.upper().replace("-", "_"))
        path = Path(self.place)
        try:
            if not path.is_dir():
                found = json.loads(_read(path))
                value = found.get(name) if isinstance(found, dict) else None
                return value if isinstance(value, str) else None
            file = path / name
            return _read(file).rstrip("\r\n") if file.exists() else None
        except (OSError, ValueError) as error:
            raise Problem(Code.UNAVAILABLE, "the server's source of secrets cannot be read") from error


@dataclass(frozen=True, slots=True)
class TokenSource:
    """Tokens of managed identities and service principals, from an endpoint like that of Azure's instance metadata service; empty: none.

    The address is the operator's, so no guard looks at it.
    """

    url: str = ""

    def token(self, resource: str, client_id: str, cancellation: Cancellation) -> str:
        """Return a token for ``resource``; ``client_id`` says whose, where there are several.

        Raises:
            Problem: ``NOT_FOUND``: no endpoint is configured; ``UNAVAILABLE``: it gives none; whatever ``cancellation`` says.
        """
        if not self.url:
            message = "tokens of identities have no source; set HEADRACE_DATAFACTORY_TOKEN_URL on the server"
            raise Problem(Code.NOT_FOUND, message)
        query = {"api-version": "2018-02-01", "resource": resource} | ({"client_id": client_id} if client_id else {})
        url = f"{self.url}{'&' if '?' in self.url else '?'}{urlencode(query)}"
        answer = WebClient(Egress((EVERYTHING,))).send(WebRequest("GET", url, {"metadata": "true"}), cancellation)
        try:
            found = json.loads(answer.body)
        except ValueError:
            found = None
        token = found.get("access_token") if isinstance(found, dict) and answer.status == 200 else None
        if not isinstance(token, str) or not token:
            raise Problem(
                Code.UNAVAILABLE, f"the server's source of tokens gave none for '{resource}' (HTTP {answer.status})"
            )
        return token


def resolve_secret(attempt: Attempt, value: Json, secrets: SecretSource, what: str) -> str:
    """Return the text that a property holds: plainly, as a SecureString, or as the name of a secret. It is not shown from then on.

    Raises:
        Refused: it is something else, or there is no such secret.
    """
    text = secure_string(value)
    if text is None and isinstance(value, Mapping) and str(value.get("type", "")).lower() == "azurekeyvaultsecret":
        try:
            text = secrets.find(str(value.get("secretName")))
        except Problem as problem:
            raise refused(BAD_REQUEST, f"The property '{what}': {problem.message}.", problem.code) from problem
    if text is None:
        text = value if isinstance(value, str) else None
    if text is None:
        raise refused(BAD_REQUEST, f"The property '{what}' must be a string, a SecureString or an AzureKeyVaultSecret.")
    attempt.hide(text)
    return text


def _read(file: Path) -> str:
    with file.open(encoding="utf-8") as stream:
        return stream.read(_MAX_FILE)
