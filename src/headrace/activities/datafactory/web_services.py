"""Linked services that are reached over HTTP (contract 15): HttpServer and RestService, as addresses and logins of the data plane."""

import base64
import binascii
from collections.abc import Mapping

from headrace.activities.datafactory.attempt import Attempt, refused
from headrace.activities.datafactory.properties import Properties
from headrace.activities.datafactory.secret_source import TokenSource
from headrace.activities.datafactory.service_reader import ServiceReader
from headrace.activities.datafactory.words import BAD_REQUEST
from headrace.core.errors import Problem
from headrace.dataplane.transfer.request import Login
from headrace.language.datafactory.values import text_of


def base_url(reader: ServiceReader) -> str:
    """Return the URL of a linked service.

    Raises:
        Refused: it is none.
    """
    return reader.endpoint(reader.text("url").partition("?")[0], "url") + _query(reader)


def joined(base: str, relative: str) -> str:
    """Return the URL that ``relative`` means below ``base``; it never leads to another server."""
    if not relative:
        return base
    if relative.startswith("?") or "?" in base:
        return base + relative
    return f"{base.rstrip('/')}/{relative.lstrip('/')}"


def login_of(reader: ServiceReader, tokens: TokenSource) -> Login:
    """Return how requests prove who sends them.

    Raises:
        Refused: a property makes no sense, the kind is not supported, or a secret or token cannot be had.
    """
    kind = reader.text("authenticationType").lower() or "anonymous"
    verify = reader.flag("enableServerCertificateValidation", default=True)
    headers = _sent_always(reader)
    match kind:
        case "anonymous":
            return Login(headers=headers, verify=verify)
        case "basic" | "digest":
            user, password = reader.text("userName"), reader.secret("password")
            reader.attempt.hide(base64.b64encode(f"{user}:{password}".encode()).decode())
            return Login(kind, user, password, headers=headers, verify=verify)
        case "clientcertificate":
            return Login(
                "certificate",
                password=reader.secret("password"),
                certificate=_certificate(reader),
                headers=headers,
                verify=verify,
            )
        case "oauth2clientcredential":
            return _client_credentials(reader, headers, verify=verify)
        case "aadserviceprincipal" | "managedserviceidentity":
            token = _token(reader.attempt, tokens, reader)
            return Login(headers={**headers, "Authorization": f"Bearer {token}"}, verify=verify)
    raise reader.unsupported(
        f"has the authenticationType '{reader.text('authenticationType')[:50]}'; Anonymous, Basic, Digest, ClientCertificate and, for "
        "REST, OAuth2ClientCredential, AadServicePrincipal and ManagedServiceIdentity are what this server can do"
    )


def header_lines(given: Properties, name: str) -> dict[str, str]:
    """Return headers that are written as text, ``Name: value`` a line, or as an object.

    Raises:
        Refused: a line is no header.
    """
    value = given.raw(name)
    if isinstance(value, Mapping):
        return {key: text_of(item) for key, item in value.items()}
    found: dict[str, str] = {}
    for line in given.text(name).splitlines():
        if line.strip():
            key, colon, content = line.partition(":")
            if not colon or not key.strip() or " " in key.strip():
                raise given.wrong(name, "must have a header on each line, as 'Name: value'")
            found[key.strip()] = content.strip()
    return found


def _query(reader: ServiceReader) -> str:
    query = reader.text("url").partition("?")[2]
    return f"?{query}" if query else ""


def _sent_always(reader: ServiceReader) -> dict[str, str]:
    written = reader.given.get("authheaders")
    if written in (None, ""):
        return {}
    if not isinstance(written, Mapping):
        raise reader.wrong("has 'authHeaders' that are no object of headers")
    if "type" in written and "value" in written:
        raise reader.wrong("has 'authHeaders' that are one secret; an object of headers with secret values is expected")
    nested = ServiceReader(reader.attempt, reader.service, reader.secrets, reader.file_roots)
    nested.given = {key.lower(): value for key, value in written.items()}
    return {key: nested.secret(key) for key in written}


def _certificate(reader: ServiceReader) -> bytes:
    text = reader.secret("embeddedCertData") or reader.secret("pfx")
    if not text:
        raise reader.wrong("has no 'embeddedCertData', the certificate that its authenticationType needs")
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise reader.wrong("has an 'embeddedCertData' that is no base64") from None


def _client_credentials(reader: ServiceReader, headers: Mapping[str, str], *, verify: bool) -> Login:
    return Login(
        "oauth2",
        token_url=reader.endpoint(reader.text("tokenEndpoint"), "tokenEndpoint"),
        client_id=reader.text("clientId"),
        client_secret=reader.secret("clientSecret"),
        scope=reader.text("scope"),
        resource=reader.text("resource"),
        headers=headers,
        verify=verify,
    )


def _token(attempt: Attempt, tokens: TokenSource, reader: ServiceReader) -> str:
    resource = reader.text("aadResourceId")
    if not resource:
        raise reader.wrong("names no 'aadResourceId', which a token could be for")
    try:
        token = tokens.token(resource, reader.text("servicePrincipalId"), attempt.context.cancellation)
    except Problem as problem:
        raise refused(
            BAD_REQUEST, f"The linked service '{reader.service.name}': {problem.message}.", problem.code
        ) from problem
    attempt.hide(token)
    return token
