"""The official Python client, which refuses every answer that lacks something, reads all that the workspace answers."""

from typing import Any

import httpx
from flatfile import AsyncFlatfile
from flatfile.commons import ActionMount_Sheet, ApiActionConfig, InputField, InputForm, Success
from flatfile.property import (
    BooleanPropertyConfig,
    Constraint_Required,
    Constraint_Unique,
    EnumPropertyConfig,
    EnumPropertyOption,
    Property,
    Property_Boolean,
    Property_Date,
    Property_Enum,
    Property_EnumList,
    Property_Number,
    Property_Reference,
    Property_ReferenceList,
    Property_String,
    Property_StringList,
    ReferenceListPropertyConfig,
    ReferencePropertyConfig,
)
from flatfile.sheets import SheetConfig

from api.jobs.conftest import Client

OPTIONS = EnumPropertyConfig(options=[EnumPropertyOption(value="a", label="A"), EnumPropertyOption(value=1)])
FIELDS: list[Property] = [
    Property_String(key="text", constraints=[Constraint_Required(), Constraint_Unique()]),
    Property_Number(key="number"),
    Property_Boolean(key="flag", config=BooleanPropertyConfig(allow_indeterminate=True)),
    Property_Date(key="day"),
    Property_Enum(key="one", config=OPTIONS),
    Property_EnumList(key="some", config=OPTIONS),
    Property_StringList(key="words"),
    Property_Reference(key="ref", config=ReferencePropertyConfig(ref="s", key="text", relationship="has-one")),
    Property_ReferenceList(key="refs", config=ReferenceListPropertyConfig(ref="s", key="text")),
]
ACTION = {
    "operation": "go",
    "label": "Go",
    "mount": ActionMount_Sheet(slugs=["s"]),
    "input_form": InputForm(type="simple", fields=[InputField(key="k", label="K", type="string")]),
}


async def _session(client: AsyncFlatfile) -> None:
    space = (await client.spaces.create(name="A", namespace="n", metadata={"a": 1}, labels=["l"])).data
    assert space.access_token is not None
    assert space.guest_link is not None
    assert (await client.spaces.get(space.id)).data.files_count == 0
    sheet_config = SheetConfig(name="S", slug="s", fields=FIELDS, access=["*"], mapping_confidence_threshold=0.5)
    book = (await client.workbooks.create(name="W", space_id=space.id, sheets=[sheet_config])).data
    assert [book.id] == [found.id for found in (await client.workbooks.list(space_id=space.id)).data]
    assert (await client.workbooks.update(book.id, name="V")).data.name == "V"
    (sheet,) = (await client.sheets.list(workbook_id=book.id)).data
    assert [type(field) for field in sheet.config.fields] == [type(field) for field in FIELDS]
    assert sheet == (await client.sheets.get(sheet.id)).data
    assert (await client.sheets.update_sheet(sheet.id, name="T")).data.name == "T"
    _done(await client.sheets.lock_sheet(sheet.id))
    assert (await client.sheets.get(sheet.id)).data.locked_at is not None
    _done(await client.sheets.validate(sheet.id))
    file = (
        await client.files.upload(
            space_id=space.id, environment_id=str(space.environment_id), file=("a.csv", b"a\n1\n")
        )
    ).data
    assert [file.id] == [found.id for found in (await client.files.list(space_id=space.id)).data]
    assert (await client.files.update(file.id, workbook_id=book.id, status="complete")).data.workbook_id == book.id
    assert b"".join([piece async for piece in client.files.download(file.id)]) == b"a\n1\n"
    document = (await client.documents.create(space.id, title="T", body="b")).data
    assert [document] == (await client.documents.list(space.id)).data
    assert (await client.documents.update(space.id, document.id, title="U", body="b")).data.title == "U"
    await _actions(client, space.id, sheet.id)
    (secret,) = (await client.secrets.upsert(name="n", value="v")).data
    assert [secret] == (await client.secrets.list(space_id=space.id)).data
    assert (await client.secrets.delete(secret.id)).data == []
    assert (await client.entitlements.list(resource_id=space.id)).data == []
    assert (await client.agents.list(environment_id=str(space.environment_id))).data == []
    assert (await client.apps.list()).data == []
    assert (await client.views.list(sheet_id=sheet.id)).data == []
    _done(await client.spaces.archive_space(space.id))
    assert [found.id for found in (await client.spaces.list(archived=True)).data] == [space.id]
    _done(await client.files.delete(file.id))
    _done(await client.sheets.delete(sheet.id))
    _done(await client.workbooks.delete(book.id))
    _done(await client.spaces.bulk_delete(space_ids=[space.id]))


async def _actions(client: AsyncFlatfile, space_id: str, sheet_id: str) -> None:
    action = await client.actions.create(space_id=space_id, target_id=sheet_id, **_action())
    (bulk,) = await client.actions.bulk_create(
        space_id=space_id, request=[ApiActionConfig(target_id=space_id, **_action())]
    )
    assert {action.id, bulk.id} == {found.id for found in await client.actions.get_all(space_id=space_id)}
    assert (await client.actions.get(action.id)).target_id == sheet_id
    assert (await client.actions.update(action.id, label="New")).label == "New"
    _done(await client.actions.delete(action.id))


def _done(answer: Success) -> None:
    assert answer.data is not None
    assert answer.data.success


def _action() -> dict[str, Any]:
    return dict(ACTION)


def test_the_python_client_reads_every_answer_of_the_workspace(sqlite_client: Client) -> None:
    """Every list and every single thing, with all that its models require."""

    async def run() -> None:
        transport = httpx.ASGITransport(app=sqlite_client.app)
        token = sqlite_client.headers["authorization"].removeprefix("Bearer ")
        async with httpx.AsyncClient(transport=transport, trust_env=False) as http:
            await _session(AsyncFlatfile(token=token, base_url="http://127.0.0.1:8080/v1", httpx_client=http))

    sqlite_client.runner.run(run())
