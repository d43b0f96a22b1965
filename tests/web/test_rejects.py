"""Rejected rows are found, looked at, downloaded and played again."""

import json
from collections.abc import Iterator

import pytest

from console_house import House, Page, Visitor
from headrace.core.client import Role
from kept_rejects import keep

pytestmark = pytest.mark.usefixtures("kept")
SCOPE = "flowservice/gee/prod"
BATCH, OTHER = "01JG0000000000000000000AAA", "01JG0000000000000000000BBB"


@pytest.fixture(scope="module")
def kept(console_house: House) -> House:
    """Return the console with two batches of rejects."""
    keep(console_house, BATCH, SCOPE)
    keep(console_house, OTHER, "flowservice/other/prod", flow="trains")
    return console_house


@pytest.fixture(scope="module")
def outsider(kept: House) -> Iterator[Visitor]:
    """Return an operator who sees one other scope only."""
    made = kept.add(Role.OPERATOR, "flowservice/other")
    visitor = kept.visitor(None)
    visitor.post("/login", {"client": made.client.id, "secret": made.secret})
    yield visitor
    visitor.client.close()


def upload(visitor: Visitor, batch: str, *lines: str, name: str = "mended.json", key: str = "") -> Page:
    """Send a corrected file as a browser does."""
    fields = {"csrf": visitor.get(f"/rejects/{batch}").csrf, "request_key": key}
    body = "".join(line + "\n" for line in lines)
    files = {"file": (name, body, "application/x-ndjson")}
    headers = {"origin": visitor.base, "sec-fetch-site": "same-origin"}
    return Page(
        visitor.client.post(f"{visitor.base}/rejects/{batch}/replay", data=fields, files=files, headers=headers)
    )


def test_batches_are_listed_with_what_is_left_and_the_reason(operator: Visitor) -> None:
    """Who looks for rejects sees whose they are, how many are left, and why."""
    page = operator.get(f"/rejects?scope={SCOPE}")
    assert page.status == 200
    assert f'href="/rejects/{BATCH}"' in page.html
    assert OTHER not in page.html
    assert "type departure 2 rows + 2 more" in page.text


def test_filters_stand_in_the_address(operator: Visitor) -> None:
    """By flow; a filter that nothing fits says so, and a name that is no filter is refused with the ones that are."""
    assert OTHER in operator.get("/rejects?flow=trains&run=&scope=").html
    assert "No batch fits these filters" in operator.get("/rejects?flow=nothing").text
    refused = operator.get("/rejects?flaw=x")
    assert refused.status == 400
    assert "flow" in refused.text


def test_the_rejects_of_a_run_with_one_batch_are_one_click_away(operator: Visitor) -> None:
    """The number of rejected rows in the list of runs leads to the rows, not to a list of one batch; with a filter set, the list stays."""
    assert operator.get(f"/rejects?run=run-of-{BATCH}").location.endswith(f"/rejects/{BATCH}")
    assert operator.get(f"/rejects?run=run-of-{BATCH}&flow=").status == 200


def test_a_batch_is_shown_by_reason_and_by_row(operator: Visitor) -> None:
    """The cell that the target's column comes from is marked, the row that could not be read stands as it came, with file and line."""
    page = operator.get(f"/rejects/{BATCH}")
    assert "4 of 4 rejects left" in page.text
    assert 'class="cell k-text bad" data-label="dep_time" title="type of departure"' in page.html
    assert 'class="cell k-null bad" data-label="carrier"' in page.html
    assert "UA;1;<b>x</b>;;;" in page.text
    assert "<b>x</b>" not in page.html
    assert "day <1>.json line 12" in page.text


def test_a_reason_leads_to_its_rows(operator: Visitor) -> None:
    """A link of the count narrows the table down; an empty column stands for the row as a whole."""
    page = operator.get(f"/rejects/{BATCH}")
    assert f'href="/rejects/{BATCH}?code=required&amp;column=carrier#rows"' in page.html
    narrowed = operator.get(f"/rejects/{BATCH}?code=required&column=carrier").html
    assert [f'id="row-{number}"' in narrowed for number in (1, 2, 3, 4)] == [False, False, False, True]
    whole = operator.get(f"/rejects/{BATCH}?code=unreadable&column=").html
    assert [f'id="row-{number}"' in whole for number in (1, 2, 3, 4)] == [True, False, False, False]


def test_rows_are_paged_and_the_filter_goes_along(operator: Visitor) -> None:
    """The next page has the other rows of the same reason."""
    page = operator.get(f"/rejects/{BATCH}?code=type&column=departure&limit=1")
    onward = page.html.split('rel="next"')[0].rsplit('href="', 1)[1].split('"')[0].replace("&amp;", "&").split("#")[0]
    assert "code=type" in onward
    following = operator.get(onward + "&limit=1").html
    assert ('id="row-2"' in page.html, 'id="row-3"' in following) == (True, True)


def test_a_spreadsheet_gets_no_formulas_unless_they_are_asked_for(reader: Visitor) -> None:
    """The CSV that the page offers is harmless; the raw one is another link, behind a warning."""
    page = reader.get(f"/rejects/{BATCH}")
    assert "a spreadsheet may run what somebody else wrote" in page.text
    harmless = reader.get(f"/rejects/{BATCH}/file?format=csv")
    assert harmless.response.headers["content-disposition"].startswith("attachment")
    assert "'=HYPERLINK(1)" in harmless.html
    raw = reader.get(f"/rejects/{BATCH}/file?format=csv&raw=true").html
    assert "'=HYPERLINK(1)" not in raw
    assert "=HYPERLINK(1)" in raw


def test_rows_are_downloaded_as_they_are_to_be_corrected(reader: Visitor) -> None:
    """A line a row, each with its number."""
    lines = reader.get(f"/rejects/{BATCH}/file?format=ndjson").html.splitlines()
    assert sorted(json.loads(line)["_reject"] for line in lines) == [1, 2, 3, 4]


def test_errors_of_a_corrected_file_are_told_in_place_with_their_lines(operator: Visitor) -> None:
    """All of them at once; nothing was played again."""
    page = upload(operator, BATCH, '{"carrier": "UA"}', '{"_reject": 99, "carrier": "UA"}')
    assert page.status == 400
    assert "the corrected file has 2 errors" in page.text
    assert "line 1" in page.text
    assert "line 2" in page.text
    nothing = operator.post(f"/rejects/{BATCH}/replay", {"request_key": "k"})
    assert (nothing.status, "has no rows" in nothing.text) == (400, True)


def test_corrected_rows_are_played_again_by_a_run_that_one_is_led_to(operator: Visitor) -> None:
    """A form that is sent twice makes one run."""
    mended = '{"_reject": 2, "carrier": "UA", "dep_time": "2026-01-01", "note": ""}'
    first = upload(operator, BATCH, mended, name="<i>mended</i>.json", key="once")
    again = upload(operator, BATCH, mended, name="<i>mended</i>.json", key="once")
    assert first.status == 303
    assert first.location.startswith("/runs/")
    assert again.location == first.location


def test_who_may_only_look_cannot_play_again(reader: Visitor) -> None:
    """No form is shown, and one that is sent is refused."""
    page = reader.get(f"/rejects/{BATCH}")
    assert "/replay" not in page.html
    assert "Your role may look only" in page.text
    assert reader.post(f"/rejects/{BATCH}/replay", {"request_key": "k"}).status == 403


def test_who_may_only_look_is_refused_before_its_file_is_taken_in(reader: Visitor) -> None:
    """Whatever the form holds, it is not read."""
    headers = {"origin": reader.base, "content-type": "multipart/form-data; boundary=x"}
    page = Page(reader.client.post(f"{reader.base}/rejects/{BATCH}/replay", content=b"no form", headers=headers))
    assert page.status == 403
    assert "needs the role operator" in page.text


@pytest.mark.parametrize("path", [f"/rejects/{BATCH}", f"/rejects/{BATCH}/file", f"/rejects?scope={SCOPE}"])
def test_what_lies_in_other_scopes_is_not_there(outsider: Visitor, path: str) -> None:
    """Neither its page nor its file nor its scope."""
    assert outsider.get(path).status == 404
    assert outsider.post(f"/rejects/{BATCH}/replay", {"request_key": "k"}).status == 404
    assert OTHER in outsider.get("/rejects").html
