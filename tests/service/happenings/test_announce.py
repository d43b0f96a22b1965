"""What listeners see of a change."""

import pytest

from fakes import CountingIds, ManualClock
from headrace.core.happening import Place
from headrace.core.job import Actor
from headrace.service.happenings.announce import tell
from headrace.store import happenings
from headrace.store.database import Database
from telling import ACTOR, SCOPE, SPACE


def test_a_context_has_the_ids_of_everything_around(database: Database, clock: ManualClock, ids: CountingIds) -> None:
    """Listeners are filtered by them: none is missing, none is null."""
    place = Place(
        scope=SCOPE,
        space_id=SPACE,
        workbook_id="us_wb_1",
        sheet_id="us_sh_1",
        sheet_slug="contacts",
        namespaces=("space:crm", "workbook:main"),
        more={"commitId": "us_vr_1"},
    )
    with database.transaction() as tx:
        url = "v1/sheets/us_sh_1/records?for={event}"
        happening = tell(tx, ids, clock.now(), ACTOR, place, "commit:created", {"a": None}, data_url=url)
        assert happenings.find(tx, SCOPE, happening.id) == happening
        assert happenings.find(tx, "jobs/a/us_env_b", happening.id) is None
    assert happening.context == {
        "accountId": "us_acc_00000001",
        "environmentId": "us_env_00000001",
        "spaceId": SPACE,
        "workbookId": "us_wb_1",
        "sheetId": "us_sh_1",
        "sheetSlug": "contacts",
        "actorId": ACTOR.id,
        "commitId": "us_vr_1",
        "slugs": {"sheet": "contacts"},
        "namespaces": ["space:crm", "workbook:main"],
    }
    assert (happening.domain, happening.callback_url) == ("workbook", f"v1/events/{happening.id}/ack")
    assert happening.data_url == f"v1/sheets/us_sh_1/records?for={happening.id}"


@pytest.mark.parametrize(
    ("topic", "domain"),
    [
        ("job:ready", "job"),
        ("commit:completed", "workbook"),
        ("records:deleted", "sheet"),
        ("snapshot:created", "sheet"),
    ],
)
def test_a_topic_says_its_domain(
    sqlite_database: Database, clock: ManualClock, ids: CountingIds, topic: str, domain: str
) -> None:
    """Most topics are called after their domain, some are not."""
    with sqlite_database.transaction() as tx:
        assert tell(tx, ids, clock.now(), ACTOR, Place(scope=SCOPE), topic, {}).domain == domain


def test_an_action_has_the_domain_of_its_target(
    sqlite_database: Database, clock: ManualClock, ids: CountingIds
) -> None:
    """Only who changes it knows that one."""
    actor, place = Actor("us_usr_1", SCOPE), Place(scope=SCOPE)
    with sqlite_database.transaction() as tx:
        with pytest.raises(ValueError, match="domain"):
            tell(tx, ids, clock.now(), actor, place, "action:created", {})
        assert tell(tx, ids, clock.now(), actor, place, "action:created", {}, domain="sheet").domain == "sheet"


def test_what_is_not_committed_has_not_happened(database: Database, clock: ManualClock, ids: CountingIds) -> None:
    """A happening goes with its change."""
    told: list[str] = []

    def change() -> None:
        with database.transaction() as tx:
            told.append(tell(tx, ids, clock.now(), ACTOR, Place(scope=SCOPE), "space:created", {}).id)
            raise _Undone

    with pytest.raises(_Undone):
        change()
    with database.reading() as tx:
        assert happenings.find(tx, SCOPE, told[0]) is None


class _Undone(Exception):
    pass
