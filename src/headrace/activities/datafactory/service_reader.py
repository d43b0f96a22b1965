"""Linked services, property by property."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from headrace.activities.datafactory.attempt import Attempt, Refused, flag, refused, whole_number
from headrace.activities.datafactory.linked import Definition
from headrace.activities.datafactory.secret_source import SecretSource, resolve_secret
from headrace.activities.datafactory.words import BAD_REQUEST, UNSUPPORTED_TYPE
from headrace.core.errors import Code
from headrace.language.datafactory.values import text_of


class ServiceReader:
    """Reads properties of one linked service, whatever the case of their names; secrets are resolved, and shown nowhere."""

    def __init__(
        self,
        attempt: Attempt,
        service: Definition,
        secrets: SecretSource,
        file_roots: tuple[Path, ...] | None = (),
    ) -> None:
        self.attempt, self.service, self.secrets, self.file_roots = attempt, service, secrets, file_roots
        self.given = {name.lower(): value for name, value in service.type_properties.items()}

    def text(self, name: str) -> str:
        """Return a property as text; one that is not there is empty."""
        value = self.given.get(name.lower())
        return self.secret(name) if isinstance(value, Mapping) else text_of(value).strip()

    def secret(self, name: str) -> str:
        """Return a secret property; one that is not there is empty."""
        value = self.given.get(name.lower())
        return "" if value is None else resolve_secret(self.attempt, value, self.secrets, name)

    def endpoint(self, text: str, name: str) -> str:
        """Return the URL of a server.

        Raises:
            Refused: it is none, or has a login in it.
        """
        parts = urlsplit(text)
        if parts.scheme not in {"http", "https"} or not parts.hostname or "@" in parts.netloc:
            raise self.wrong(f"has a '{name}' that is no http or https URL of a server")
        return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/')}"

    def has(self, name: str) -> bool:
        """Say whether a property is there, and not empty."""
        return self.given.get(name.lower()) not in (None, "")

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Return a boolean property."""
        return flag(self.given.get(name.lower()), name, default=default)

    def port(self, default: int) -> int:
        """Return the property ``port``."""
        value = self.given.get("port")
        return whole_number(default if value in (None, "") else value, "port", least=1, most=65_535)

    def wrong(self, what: str) -> Refused:
        """Return the failure of a linked service that cannot be connected to: ``what`` follows its name."""
        return refused(BAD_REQUEST, f"The linked service '{self.service.name}' {what}.")

    def unsupported(self, what: str) -> Refused:
        """Return the failure of a linked service that asks for what is not done here."""
        return refused(UNSUPPORTED_TYPE, f"The linked service '{self.service.name}' {what}.", Code.UNSUPPORTED)
