"""Connections of all doors are listed, tried, and found in what uses them; nothing of their secrets is told."""

from typing import Any

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.explore import Check, Connected
from headrace.core.flow import Activity, Plan
from headrace.core.native.places import AskConnection, ListConnections
from headrace.core.native.table import LIST_CONNECTIONS, SHOW_CONNECTION, TEST_CONNECTION
from headrace.core.native.wire import to_wire
from headrace.service.connections import Connection, ConnectionDraft, put_connection
from headrace.service.documents import DocumentDraft, write_document
from headrace.service.flows import put_flow
from ledger_rows import NOW, OTHER_SCOPE, SCOPE, a_flow
from native_house import OPERATOR, READER, NativeHouse

FACTORY = "datafactory/s/g/f"
LAKE = AskConnection(connection="Lake", scope=FACTORY)


def connect(native: NativeHouse, **given: Any) -> Connection:
    """Write a connection to a database."""
    values = {
        "scope": SCOPE,
        "name": "db",
        "kind": "postgres",
        "url": "postgresql://u:hunter2@h:5432/d?sslpassword=hunter2",
    }
    made = put_connection(
        native.database,
        ConnectionDraft(**{**values, "options": {"sslkey": "hunter2"}, **given}),
        "tester",
        native.desk.sealer,
        native.clock,
    )
    native.clock.advance(1)
    return made


def write(native: NativeHouse, kind: str, name: str, scope: str = FACTORY, **properties: Any) -> None:
    """Write a document of a door."""
    draft = DocumentDraft(scope=scope, kind=kind, id=name.lower(), name=name, body={"properties": properties}, who="t")
    with native.database.transaction() as tx:
        write_document(tx, draft, native.clock.now())


def linked(native: NativeHouse) -> None:
    """Write a linked service, a dataset on it, and pipelines that use them."""
    given = {"url": "https://u:hunter2@acct.example/box?sig=hunter2", "encryptedCredential": "headrace.hunter2"}
    write(native, "linked_service", "Lake", type="AzureBlobStorage", typeProperties={**given, "accountKey": "hunter2"})
    service = {"referenceName": "lake", "type": "LinkedServiceReference"}
    write(native, "dataset", "Rows", linkedServiceName=service)
    write(native, "pipeline", "ByService", activities=[{"linkedServiceName": service}])
    write(
        native,
        "pipeline",
        "ByDataset",
        activities=[{"inputs": [{"referenceName": "Rows", "type": "DatasetReference"}]}],
    )
    write(
        native, "pipeline", "Neither", activities=[{"pipeline": {"referenceName": "Lake", "type": "PipelineReference"}}]
    )


def test_connections_of_all_doors_are_listed_newest_first(native: NativeHouse) -> None:
    """By their doors' names; a disabled one is said to be."""
    first = connect(native)
    connect(native, name="files", scope="local", kind="local", url="file:///in", options={})
    connect(native, name="theirs", scope=OTHER_SCOPE, enabled=False)
    with native.database.transaction() as tx:
        shown = DocumentDraft(scope=SCOPE, kind="connections", id=first.id, name="Orders", body={}, who="t")
        write_document(tx, shown, NOW)
    linked(native)
    listed = native.ask(LIST_CONNECTIONS, ListConnections()).items
    assert [(line.name, line.kind, line.address, line.enabled) for line in listed] == [
        ("Lake", "AzureBlobStorage", "https://acct.example/box", True),
        ("theirs", "postgres", "postgresql://u:******@h:5432/d", False),
        ("files", "local", "file:///in", True),
        ("Orders", "postgres", "postgresql://u:******@h:5432/d", True),
    ]
    assert [line.name for line in native.ask(LIST_CONNECTIONS, ListConnections(), READER).items] == ["Orders"]
    assert [line.name for line in native.ask(LIST_CONNECTIONS, ListConnections(text="FIL")).items] == ["files"]
    page = native.ask(LIST_CONNECTIONS, ListConnections(limit=3))
    assert [line.name for line in native.ask(LIST_CONNECTIONS, ListConnections(limit=3, cursor=page.next)).items] == [
        "Orders"
    ]


def test_a_connection_is_shown_with_the_flows_that_use_it_and_without_its_secrets(native: NativeHouse) -> None:
    """Through datasets too."""
    made = connect(native)
    plan = Plan((Activity("Copy", "copy", {"source": {"kind": "table", "connection": made.id}}),))
    put_flow(native.database, a_flow(plan=plan), "tester", native.clock)
    linked(native)
    view = native.ask(SHOW_CONNECTION, AskConnection(connection=made.id, scope=SCOPE))
    assert (view.options, view.flows) == ({"sslkey": "******"}, ("flights",))
    service = native.ask(SHOW_CONNECTION, LAKE)
    assert service.flows == ("ByDataset", "ByService")
    assert "hunter2" not in str((to_wire(view), to_wire(service)))


def test_a_connection_that_cannot_be_reached_says_why(small: NativeHouse) -> None:
    """The test is asked of the process that looks into sources, with the scope's rights."""
    made = connect(small)
    asked = AskConnection(connection=made.id, scope=SCOPE)
    assert small.ask(TEST_CONNECTION, asked, OPERATOR).good
    assert small.explorer.asked == [Check(Connected(SCOPE, made.id))]
    small.explorer.problem = Problem(Code.SOURCE_UNAVAILABLE, "h:5432 does not answer")
    told = small.ask(TEST_CONNECTION, asked, OPERATOR)
    assert (told.good, told.message) == (False, "h:5432 does not answer")
    linked(small)
    with pytest.raises(Problem, match="is a linked service") as caught:
        small.ask(TEST_CONNECTION, LAKE)
    assert caught.value.code is Code.UNSUPPORTED
