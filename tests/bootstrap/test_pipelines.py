"""What an engine gets for runs of pipelines is all there, and reaches what the door has written."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from headrace.api.datafactory.secrets import seal_secrets
from headrace.api.datafactory.translate.plan import DIALECT, kind_of
from headrace.bootstrap.addresses import keep_address, own_address
from headrace.bootstrap.application import Application, open_application
from headrace.bootstrap.pipelines import FactoryDocuments, dialects, pipeline_activities
from headrace.config import load
from headrace.core.errors import Code, Problem
from headrace.service.documents import DocumentDraft, put_document

TYPES = (
    *(
        "ForEach",
        "Until",
        "IfCondition",
        "Switch",
        "Filter",
        "Wait",
        "SetVariable",
        "AppendVariable",
        "ExecutePipeline",
    ),
    *("Fail", "Validation", "WebActivity", "WebHook", "AzureFunctionActivity", "Custom"),
    *("Copy", "Lookup", "Script", "SqlServerStoredProcedure", "GetMetadata", "Delete"),
)


@pytest.fixture
def application(tmp_path: Path) -> Iterator[Application]:
    """Open an installation of its own."""
    with open_application(load({}, directory=tmp_path)) as application:
        yield application


def test_every_kind_that_a_pipeline_can_have_is_executed(application: Application) -> None:
    """A plan names a function for each activity, and a dialect; the engine has them all."""
    assert set(pipeline_activities(application)) == {kind_of(name) for name in TYPES}
    assert set(dialects(application)) == {DIALECT}


def test_documents_are_found_with_their_secrets_in_their_places(application: Application) -> None:
    """Names are found in any letter case; what the door has sealed is opened."""
    scope, kind = "datafactory/s/g/f", "linked_service"
    properties = {"type": "Sftp", "typeProperties": {"host": "h", "password": {"type": "SecureString", "value": "x"}}}
    sealed = seal_secrets(properties, application.sealer, (scope, kind, "store"), plain=True)
    assert "value" not in str(sealed)
    draft = DocumentDraft(scope=scope, kind=kind, id="store", name="Store", body={"properties": sealed}, who="me")
    put_document(application.database, draft, application.clock)
    shelf = FactoryDocuments(application.database, application.sealer)
    assert shelf.find(scope, kind, "sTORE") == ("Store", properties)
    assert shelf.find(scope, kind, "other") is None


def test_workers_know_where_callers_reach_the_installation(application: Application) -> None:
    """By the settings, else by what the newest server has told; where nothing does, nobody waits for a call that cannot come."""
    with pytest.raises(Problem) as raised:
        own_address(application)
    assert raised.value.code is Code.UNAVAILABLE
    keep_address(application, "0.0.0.0", 8080)  # noqa: S104 — nothing is bound here
    assert own_address(application) == "http://127.0.0.1:8080"
    keep_address(application, "::1", 81)
    assert own_address(application) == "http://[::1]:81"
    public = replace(application, settings=replace(application.settings, public_url="https://runs.example"))
    assert own_address(public) == "https://runs.example"
