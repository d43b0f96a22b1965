"""Linked services over HTTP: addresses and logins."""

import base64
from collections.abc import Mapping

import pytest

from headrace.activities.datafactory.attempt import Attempt, Refused, Result
from headrace.activities.datafactory.linked import Definition
from headrace.activities.datafactory.secret_source import SecretSource, TokenSource
from headrace.activities.datafactory.service_reader import ServiceReader
from headrace.activities.datafactory.web_services import base_url, joined, login_of
from headrace.core.codec import Json
from headrace.core.outcome import Outcome
from headrace.dataplane.transfer.request import Login
from pipeline_desk import Desk

SECRET = {"type": "SecureString", "value": "hidden-word"}
PFX = base64.b64encode(b"certificate").decode()


def _login(properties: Mapping[str, Json]) -> tuple[Login, Json]:
    """Return the login, and what an output with the secret becomes."""
    found: list[Login] = []

    def act(attempt: Attempt) -> Result:
        definition = Definition(
            "Api", {"type": "RestService", "typeProperties": {"url": "http://x/y?z=1", **properties}}
        )
        reader = ServiceReader(attempt, definition, SecretSource())
        assert base_url(reader) == "http://x/y?z=1"
        found.append(login_of(reader, TokenSource()))
        return Outcome({"shown": "hidden-word"})

    outcome = Desk().act(act, {})
    if outcome.failure is not None:
        raise Refused(outcome.failure)
    return found[0], outcome.output["shown"]


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"authenticationType": "Anonymous", "enableServerCertificateValidation": False}, Login(verify=False)),
        ({"authenticationType": "Basic", "userName": "u", "password": SECRET}, Login("basic", "u", "hidden-word")),
        ({"authenticationType": "Digest", "userName": "u", "password": SECRET}, Login("digest", "u", "hidden-word")),
        (
            {"authenticationType": "ClientCertificate", "embeddedCertData": PFX, "password": SECRET},
            Login("certificate", password="hidden-word", certificate=b"certificate"),
        ),
        (
            {
                "authenticationType": "OAuth2ClientCredential",
                "clientId": "c",
                "clientSecret": SECRET,
                "tokenEndpoint": "https://login.example/token",
                "scope": "s",
                "resource": "r",
            },
            Login(
                "oauth2",
                token_url="https://login.example/token",
                client_id="c",
                client_secret="hidden-word",
                scope="s",
                resource="r",
            ),
        ),
        ({"authHeaders": {"X-Key": SECRET, "X-Other": "o"}}, Login(headers={"X-Key": "hidden-word", "X-Other": "o"})),
    ],
)
def test_who_sends_requests_is_proved_as_the_linked_service_says(
    properties: Mapping[str, Json], expected: Login
) -> None:
    """Secrets are opened for the request, and shown nowhere."""
    found, shown = _login(properties)
    assert found == expected
    assert shown == ("hidden-word" if "hidden-word" not in str(_secrets(expected)) else "**********")


@pytest.mark.parametrize(
    ("properties", "message"),
    [
        ({"authenticationType": "Windows"}, "has the authenticationType 'Windows'"),
        ({"authenticationType": "ClientCertificate"}, "has no 'embeddedCertData'"),
        ({"authenticationType": "ManagedServiceIdentity", "aadResourceId": "r"}, "HEADRACE_DATAFACTORY_TOKEN_URL"),
        ({"authenticationType": "OAuth2ClientCredential", "tokenEndpoint": "x"}, "no http or https URL"),
        ({"authHeaders": "X: y"}, "no object of headers"),
    ],
)
def test_what_proves_nothing_is_told(properties: Mapping[str, Json], message: str) -> None:
    """By the linked service's name and the property."""
    with pytest.raises(Refused, match=message):
        _login(properties)


@pytest.mark.parametrize(
    ("base", "relative", "expected"),
    [
        ("http://x/a", "", "http://x/a"),
        ("http://x/a", "/b?c=1", "http://x/a/b?c=1"),
        ("http://x/a", "?c=1", "http://x/a?c=1"),
        ("http://x/a", "http://evil/", "http://x/a/http://evil/"),
        ("http://x/a", "//evil", "http://x/a/evil"),
    ],
)
def test_a_relative_address_stays_on_its_server(base: str, relative: str, expected: str) -> None:
    """Whatever a dataset says, the login of the linked service goes nowhere else."""
    assert joined(base, relative) == expected


def _secrets(login: Login) -> tuple[str, ...]:
    return (login.password, login.client_secret, *login.headers.values())
