"""What is refused in which status: the table of the contract (4.2), verb by verb."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.job import JobStatus
from headrace.service.jobs import making, parts, retrying, verbs
from headrace.service.jobs.desk import JobDesk
from headrace.service.jobs.verbs import Ending, JobChange, Sign
from service.jobs.house import EXPORT, GUEST, KEY, MAP, SPACE, STRANGER, SUBMIT, House

_S = JobStatus
_ENDED = {_S.COMPLETE, _S.FAILED, _S.CANCELLED}
_BEFORE = {_S.CREATED, _S.PLANNING, _S.SCHEDULED, _S.WAITING}
_ALL = set(JobStatus)

Verb = Callable[[JobDesk, str], object]
TABLE: dict[str, tuple[Verb, set[JobStatus], set[JobStatus]]] = {
    "execute": (lambda desk, it: verbs.execute(desk, KEY, it), _ENDED, _ENDED),
    "acknowledge": (lambda desk, it: verbs.acknowledge(desk, KEY, it, Sign("i", 5)), set(), set()),
    "cancel": (lambda desk, it: verbs.cancel(desk, KEY, it), _ENDED, _ENDED),
    "complete": (lambda desk, it: verbs.complete(desk, KEY, it, Ending()), _BEFORE | _ENDED, _ALL),
    "fail": (lambda desk, it: verbs.fail(desk, KEY, it, Ending()), _ENDED, _ALL),
    "retry": (
        lambda desk, it: retrying.retry(desk, KEY, it),
        _ALL - {_S.FAILED, _S.CANCELLED},
        _ALL - {_S.FAILED, _S.CANCELLED},
    ),
    "split": (lambda desk, it: parts.split(desk, KEY, it, 2), _BEFORE | _ENDED, _ALL),
    "acknowledge the outcome of": (
        lambda desk, it: verbs.acknowledge_outcome(desk, KEY, it),
        _ALL - {_S.COMPLETE, _S.FAILED},
        _ALL - {_S.COMPLETE, _S.FAILED},
    ),
}
"""Each verb, with the statuses in which it is refused: of a listener's job, and of the engine's."""


@pytest.mark.parametrize("engine", [False, True], ids=["listener", "engine"])
def test_each_verb_is_refused_where_the_contract_says_and_nowhere_else(house: House, *, engine: bool) -> None:
    """The refusal names verb and status; what is refused changes nothing and is not told of."""
    for word, (verb, of_listeners, of_engine) in TABLE.items():
        for status in JobStatus:
            job = house.standing(status, engine=engine)
            told = len(house.told())
            if status not in (of_engine if engine else of_listeners):
                verb(house.desk, job.id)
                continue
            with pytest.raises(Problem) as refused:
                verb(house.desk, job.id)
            shown = "canceled" if status is _S.CANCELLED else status.value
            assert refused.value.code is Code.ILLEGAL_STATE
            assert [(error.path, error.message) for error in refused.value.fields] == [
                ("status", f'Cannot {word} a job in status "{shown}".')
            ]
            assert house.job(job.id) == job
            assert len(house.told()) == told


def refusal(work: Callable[[], object]) -> tuple[Code, str]:
    """Return the code and the place of what ``work`` is refused for."""
    with pytest.raises(Problem) as refused:
        work()
    return refused.value.code, refused.value.fields[0].path


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"type": ""}, "type"),
        ({"operation": ""}, "operation"),
        ({"operation": "o" * 1001}, "operation"),
        ({"source": ""}, "source"),
        ({"status": JobStatus.EXECUTING}, "status"),
        ({"predecessors": ("us_jb_none",)}, "predecessorIds"),
        ({"parent_id": "us_jb_none"}, "parentId"),
        ({"part": -1}, "part"),
        ({"space_id": "us_sp_none", "source": "elsewhere"}, "spaceId"),
    ],
)
def test_a_job_that_cannot_be_is_refused_with_its_place(house: House, changes: dict[str, Any], key: str) -> None:
    """The key of the refusal is the field's (contract 2.2, 6.4)."""
    assert refusal(lambda: house.make(**changes)) == (Code.INVALID, key)
    assert house.told() == []


def test_the_engine_wants_to_see_the_source_of_its_jobs_and_a_listener_does_not(house: House) -> None:
    """A listener may know a source that nobody here does; its job says which under the key of its type."""
    assert refusal(lambda: house.make(EXPORT, source="us_wb_none")) == (Code.INVALID, "source")
    told = house.expect(["job:created"], lambda: house.make(source="us_wb_none"))
    assert told[0].context["workbookId"] == "us_wb_none"


def test_a_part_is_added_to_an_open_job_that_is_no_part_itself(house: House) -> None:
    """Its index is the next one (contract 2.2)."""
    parent = house.make()
    first, second = house.make(parent_id=parent.id), house.make(parent_id=parent.id)
    assert (first.part, second.part) == (0, 1)
    assert refusal(lambda: house.make(parent_id=first.id)) == (Code.INVALID, "parentId")
    verbs.cancel(house.desk, KEY, parent.id)
    assert refusal(lambda: house.make(parent_id=parent.id)) == (Code.INVALID, "parentId")


def test_a_document_of_more_than_a_mebibyte_is_refused(house: House) -> None:
    """All that are too long are named (contract 13)."""
    long = {"text": "x" * (1 << 20)}
    with pytest.raises(Problem) as refused:
        house.make(config=long, input=long)
    assert refused.value.code is Code.LIMIT_EXCEEDED
    assert [error.path for error in refused.value.fields] == ["config", "input"]
    job = house.standing(_S.EXECUTING)
    assert refusal(lambda: verbs.complete(house.desk, KEY, job.id, Ending(long)))[1] == "outcome"
    assert refusal(lambda: verbs.patch(house.desk, KEY, job.id, JobChange(result=long)))[1] == "result"


def test_parts_are_refused_with_their_place(house: House) -> None:
    """None, too many, others than before, and parts of a part (contract 4.2, 6.1)."""
    job = house.standing(_S.READY)
    for wanted in (0, -3, 10_001):
        assert refusal(lambda wanted=wanted: parts.split(house.desk, KEY, job.id, wanted)) == (Code.INVALID, "parts")  # type: ignore[misc]  # bound now
    assert refusal(lambda: parts.split(house.desk, KEY, job.id, [])) == (Code.INVALID, "parts")
    parts.split(house.desk, KEY, job.id, 2)
    assert refusal(lambda: parts.split(house.desk, KEY, job.id, 3)) == (Code.INVALID, "parts")
    part = house.parts(job.id)[0]
    assert refusal(lambda: parts.split(house.desk, KEY, part.id, 2)) == (Code.INVALID, "parentId")


def test_a_status_that_nobody_can_ask_for_is_refused_in_a_change(house: House) -> None:
    """Created, planning, scheduled and waiting are entered by what happens; the present status is no change (contract 4.4)."""
    job = house.standing(_S.EXECUTING)
    for status in (_S.CREATED, _S.PLANNING, _S.SCHEDULED, _S.WAITING):
        change = JobChange(status=status)
        assert refusal(lambda change=change: verbs.patch(house.desk, KEY, job.id, change)) == (Code.INVALID, "status")  # type: ignore[misc]  # bound now
    assert verbs.patch(house.desk, KEY, job.id, JobChange(status=_S.EXECUTING)).status is _S.EXECUTING
    created = house.make()
    assert verbs.patch(house.desk, KEY, created.id, JobChange(status=_S.CREATED)).status is _S.CREATED


def test_a_configuration_that_the_engine_cannot_work_with_is_refused(house: House) -> None:
    """What makes a job the engine's stays so."""
    job = house.make(MAP)
    change = JobChange(config={"sourceSheetId": "us_sh_1"})
    assert refusal(lambda: verbs.patch(house.desk, KEY, job.id, change)) == (Code.INVALID, "config")


def test_who_holds_a_token_of_one_space_reaches_no_other(house: House) -> None:
    """Neither its jobs nor, by new ones, what is in it; as if there were nothing (contract 1.2)."""
    job = house.make()
    assert job.space_id == SPACE
    strangers: list[Callable[[], object]] = [
        lambda: verbs.execute(house.desk, STRANGER, job.id),
        lambda: verbs.acknowledge(house.desk, STRANGER, job.id, Sign()),
        lambda: verbs.delete(house.desk, STRANGER, job.id),
        lambda: retrying.retry(house.desk, STRANGER, job.id),
        lambda: parts.split(house.desk, STRANGER, job.id, 2),
    ]
    for work in strangers:
        assert refusal(work) == (Code.NOT_FOUND, "jobId")
    assert refusal(lambda: making.create(house.desk, STRANGER, SUBMIT)) == (Code.INVALID, "source")
    elsewhere = making.create(house.desk, STRANGER, making.JobRequest(type="app", operation="do", source="app"))
    assert elsewhere.space_id == STRANGER.space_id
    assert refusal(lambda: house.make(actor=GUEST, predecessors=(elsewhere.id,))) == (Code.INVALID, "predecessorIds")
    assert verbs.execute(house.desk, GUEST, job.id).status is _S.READY


@pytest.mark.parametrize("name", ["type", "operation", "source", "destination", "mode", "info"])
def test_names_have_an_end(house: House, name: str) -> None:
    """Lists and events repeat them: a thousand jobs of some mebibytes each would take all of the memory."""
    long: dict[str, Any] = {name: "x" * 70_000}
    asked = replace(SUBMIT, **long)
    with pytest.raises(Problem, match=f"{name} has more than"):
        making.create(house.desk, KEY, asked)
