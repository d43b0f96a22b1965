"""Secrets go in and never come out again, but for who executes the definition."""

import json
from typing import Any

import pytest

from api.datafactory.conftest import SCOPE, SEALER, Client, error_of, pipeline
from headrace.api.datafactory.secrets import PREFIX, open_secrets, seal_secrets
from headrace.core.errors import Problem
from headrace.service.sealing import Sealer
from headrace.service.secret_values import open_value
from headrace.store import runs

PLACE = (SCOPE, "linked_service", "ls")
CANARY = "Ca;n'a\"r}y"


def secure(text: str = CANARY) -> dict[str, Any]:
    """Return a SecureString."""
    return {"type": "SecureString", "value": text}


def service(**given: Any) -> dict[str, Any]:
    """Return the properties of a linked service."""
    return {"type": "AzureSqlDatabase", "typeProperties": given}


@pytest.mark.parametrize(
    ("given", "returned"),
    [
        ({"url": "u", "password": secure(), "port": 1}, {"url": "u", "port": 1}),
        ({"password": CANARY, "user": "u"}, {"user": "u"}),
        ({"authHeaders": {"x": secure(), "y": "1"}}, {"authHeaders": {"y": "1"}}),
        (
            {"connectionString": f"Server=s;Password={{{CANARY.replace('}', '}}')}}};Database=d"},
            {"connectionString": "Server=s;Database=d"},
        ),
        ({"connectionString": "Server=s; PWD = Canary ;"}, {"connectionString": "Server=s;"}),
        (
            {"connectionString": f'Account Key="{CANARY.replace(chr(34), chr(34) * 2)}";a=1'},
            {"connectionString": "a=1"},
        ),
        ({"connectionString": secure("Server=s;Password=Canary")}, {}),
        (
            {"connectionString": {"type": "Expression", "value": "Server=@{linkedService().s};Pwd=Canary"}},
            {"connectionString": {"type": "Expression", "value": "Server=@{linkedService().s}"}},
        ),
        ({"connectionString": "postgresql://u:Canary@h/d"}, {}),
        ({"url": "ftp://u:Canary@h/d", "other": "https://h/d"}, {"other": "https://h/d"}),
        ({"list": [secure(), {"a": secure(), "b": 1}]}, {"list": [{"type": "SecureString"}, {"b": 1}]}),
        ({"sasUri": "https://x?sig=Canary"}, {}),
        ({"a/b~c": secure()}, {}),
    ],
)
def test_a_secret_is_cut_out_and_comes_back_whole(given: dict[str, Any], returned: dict[str, Any]) -> None:
    """What is returned has a token in its place; what is executed has the secret."""
    sealed = seal_secrets(service(**given), SEALER, PLACE, plain=True)
    token = sealed["typeProperties"].pop("encryptedCredential")
    assert sealed == service(**returned)
    assert CANARY not in json.dumps(sealed) + token
    opened = open_secrets(service(**returned, encryptedCredential=token), SEALER, PLACE)["typeProperties"]
    string = given.get("connectionString")
    if isinstance(string, str) and "connectionString" in returned:
        assert sorted(filter(None, opened["connectionString"].split(";"))) == sorted(filter(None, string.split(";")))
    elif not isinstance(string, dict) or string["type"] == "SecureString":
        assert opened == given


@pytest.mark.parametrize(
    "given",
    [
        {"password": "@linkedService().pw"},
        {"connectionString": "Server=s;Password=@{linkedService().pw}"},
        {"password": {"type": "AzureKeyVaultSecret", "store": {"referenceName": "kv"}, "secretName": "n"}},
        {"connectionString": "UseDevelopmentStorage=true"},
        {"encryptedCredential": "ew0KICAi"},
        {"password": ""},
        {"password": 5, "connectionString": None},
        {"a": {"type": "SecureString", "value": 5}},
    ],
)
def test_what_is_no_secret_stays(given: dict[str, Any]) -> None:
    """Expressions, references to a vault, and tokens of the cloud come back as they were sent."""
    assert seal_secrets(service(**given), SEALER, PLACE, plain=True) == service(**given)


def test_a_secret_is_kept_by_its_token(client: Client) -> None:
    """Read, modify, write loses nothing; a new secret replaces the old one, and the others stay."""
    sent = service(
        server="a", password=secure("one"), connectionString="Server=a;Password=two", clientSecret=secure("three")
    )
    shown = client.put("/linkedservices/LS", sent)["properties"]
    assert "one" not in json.dumps(shown["typeProperties"]["server"])
    shown["typeProperties"] |= {"server": "b", "connectionString": "Server=b", "clientSecret": secure("four")}
    again = client.put("/linkedservices/ls", shown)["properties"]
    opened = open_secrets(again, SEALER, PLACE)["typeProperties"]
    assert opened == {
        "server": "b",
        "connectionString": "Server=b;Password=two",
        "password": secure("one"),
        "clientSecret": secure("four"),
    }


def test_without_its_token_a_secret_is_gone(client: Client) -> None:
    """A PUT replaces the whole document."""
    client.put("/linkedservices/ls", service(password=secure()))
    assert client.put("/linkedservices/ls", service(server="a"))["properties"] == service(server="a")


def test_a_token_opens_nothing_elsewhere(client: Client) -> None:
    """Who may read one linked service must not use its secret in another."""
    token = client.put("/linkedservices/ls", service(password=secure()))["properties"]["typeProperties"][
        "encryptedCredential"
    ]
    for body in (service(encryptedCredential=token), service(encryptedCredential=PREFIX + "v1.x.y")):
        status, code, message, _ = error_of(client("PUT", "/linkedservices/other", {"properties": body}))
        assert (status, code) == (400, "BadRequest")
        assert "encryptedCredential" in message


def test_a_secret_of_a_lost_key_is_said_to_be_lost() -> None:
    """And not executed without it."""
    sealed = seal_secrets(service(password=secure()), SEALER, PLACE)
    with pytest.raises(Problem):
        open_secrets(sealed, Sealer([b"o" * 32]), PLACE)


def test_no_answer_and_no_row_has_a_secret(client: Client) -> None:
    """Neither of linked services nor of activities; the flow that runs carries it sealed, in the activity that it belongs to."""
    client.put("/linkedservices/ls", service(password=secure("Canary")))
    web = {
        "name": "W",
        "type": "WebActivity",
        "typeProperties": {
            "url": "u",
            "method": "GET",
            "authentication": {"type": "Basic", "username": "u", "password": secure("Canary")},
        },
    }
    client.put("/pipelines/p", pipeline(web))
    answers = [
        client("GET", path).text for path in ("/linkedservices", "/linkedservices/ls", "/pipelines/p", "/pipelines")
    ]
    assert "Canary" not in "".join(answers)
    activity = json.loads(answers[2])["properties"]["activities"][0]
    assert list(activity["typeProperties"]) == ["url", "method", "authentication", "encryptedCredential"]
    assert activity["typeProperties"]["authentication"] == {"type": "Basic", "username": "u"}
    opened = open_secrets(activity, SEALER, (SCOPE, "pipeline", "p"))
    assert opened == web
    with client.door.database.engine.connect() as connection:
        for table in ("documents", "flows", "audit"):
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").fetchall()
            assert "Canary" not in repr(rows)


def test_the_default_of_a_secret_parameter_is_a_secret(client: Client) -> None:
    """It is not shown, a document that comes back keeps it, and runs get it."""
    declared = {"s": {"type": "SecureString", "defaultValue": CANARY}, "t": {"type": "String", "defaultValue": "x"}}
    echo = {"name": "F", "type": "Fail", "typeProperties": {"message": "@pipeline().parameters.s", "errorCode": "1"}}
    client.put("/pipelines/p", {"activities": [echo], "parameters": declared})
    shown = client.get("/pipelines/p")["properties"]
    assert shown["parameters"] == {"s": {"type": "SecureString"}, "t": declared["t"]}
    assert client.put("/pipelines/p", shown)["properties"]["parameters"] == shown["parameters"]
    run = client("POST", "/pipelines/p/createRun").json()["runId"]
    assert client.get(f"/pipelineruns/{run}")["parameters"] == {"s": "**********", "t": "x"}
    with client.door.database.transaction() as tx:
        assert open_value(SEALER, SCOPE, runs.get(tx, SCOPE, run).parameters["s"]) == CANARY


def test_a_plain_password_of_an_activity_is_a_secret_too() -> None:
    """Where it says who calls; elsewhere the word may mean anything."""
    given = {"typeProperties": {"authentication": {"username": "u", "password": CANARY}, "body": {"password": "data"}}}
    sealed = seal_secrets(given, SEALER, PLACE)
    assert sealed["typeProperties"]["authentication"] == {"username": "u"}
    assert sealed["typeProperties"]["body"] == {"password": "data"}
    assert open_secrets(sealed, SEALER, PLACE) == given


def test_a_long_connection_string_is_cut_quickly() -> None:
    """Marks that are never closed must not be looked for again and again."""
    text = "a={" * 5_000 + ";Password=Canary"
    sealed = seal_secrets(service(connectionString=text), SEALER, PLACE)
    assert "Canary" not in json.dumps(sealed)
