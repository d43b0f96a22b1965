"""Pages of jobs, on both databases."""

import pytest

from headrace.service.jobs import lists
from headrace.store.jobs import JobQuery
from service.jobs.house import FILE, KEY, WORKBOOK, House, ids_of


@pytest.mark.parametrize("size", [2, 3, 100])
def test_pages_from_either_end_have_each_job_once_and_in_order(any_house: House, size: int) -> None:
    """Pages behind the middle are read from the end, and look like the others; behind the last one there is nothing."""
    made = [any_house.make().id for _ in range(7)]
    for descending in (False, True):
        walked = []
        for number in range(1, 7 // size + 3):
            found, total = lists.page(any_house.desk, KEY, JobQuery(), size, number, descending=descending)
            assert total == len(made)
            walked += ids_of(found)
        assert walked == (made[::-1] if descending else made)


def test_a_list_of_a_thing_has_the_jobs_that_are_about_it(any_house: House) -> None:
    """A job is about a file that it is given, and about the workbook that is its source."""
    plain = any_house.make().id
    given = any_house.make(file_id=FILE).id
    both, total = lists.page(any_house.desk, KEY, JobQuery(workbook_id=WORKBOOK), 10, descending=False)
    assert (ids_of(both), total) == ([plain, given], 2)
    one, total = lists.page(any_house.desk, KEY, JobQuery(file_id=FILE), 10)
    assert (ids_of(one), total) == ([given], 1)
    assert lists.page(any_house.desk, KEY, JobQuery(workbook_id="us_wb_9"), 10) == ([], 0)
