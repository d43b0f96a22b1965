"""Lists: filters, order, counts, and paging that loses and repeats nothing."""

from typing import Any

import pytest

from api.flowservice.conftest import LOCAL_FILES, Client, flow_body, make_ends, run_body
from headrace.core.clock import SECOND


def number(answer: Any) -> str:
    """Return the number of a refusal."""
    return str(answer.json()["type"].rpartition("FLOW-")[2])


@pytest.fixture
def flow(client: Client) -> str:
    """Return the id of a flow with its own run and four on demand, newest last."""
    made = client.make("/flows", flow_body(make_ends(client)))
    for start in range(4):
        client.clock.advance(SECOND)
        client.make("/runs", run_body(made, startTime=start + 1))
    return made


def pages(client: Client, path: str, **query: str) -> list[list[str]]:
    """Return the ids of each page, following the links as the Python client of the dialect does."""
    found, token = [], None
    while True:
        text = "&".join(f"{name}={value}" for name, value in query.items())
        answer = client("GET", f"{path}?{text}" + (f"&continuationToken={token}" if token else "")).json()
        found.append([item["id"] for item in answer["items"]])
        if "next" not in answer["_links"]:
            return found
        token = answer["_links"]["next"]["href"].split("=")[1]


def test_pages_of_runs_tile_the_list(client: Client, flow: str) -> None:
    """Every run once, newest first, and the last page has no link."""
    found = pages(client, "/runs", limit="2", count="False", property=f"flowId=={flow}")
    whole = [item["id"] for item in client("GET", f"/flows/{flow}/runs").json()["items"]]
    assert [len(page) for page in found] == [2, 2, 1]
    assert [subject for page in found for subject in page] == whole


def test_pages_of_flows_tile_the_list(client: Client) -> None:
    """The same for things that are kept as documents, in any order."""
    ends = make_ends(client)
    made = [client.make("/flows", flow_body(ends, name=name)) for name in ("c", "a", "b")]
    found = pages(client, "/flows", limit="1", orderby="%2Bname")
    assert [subject for page in found for subject in page] == [made[1], made[2], made[0]]


def test_a_count_is_a_number_alone(client: Client, flow: str) -> None:
    """And it does not go with a limit."""
    assert client("GET", f"/runs?count=TRUE&property=flowId=={flow}").json() == {"count": 5}
    assert client("GET", "/flows?count=true").json() == {"count": 1}
    assert number(client("GET", "/runs?count=true&limit=5")) == "1401-400"


@pytest.mark.parametrize(
    ("property_", "found"),
    [
        ("metrics.statusSummary.status==pending", 5),
        ("state==Pending", 5),
        ("state==success,pending", 5),
        ("state!=pending", 0),
        ("metrics.statusSummary.status==partialSuccess", 0),
        ("params.startTime==2", 1),
        ("createdAt>=1700000002000", 3),
        ("createdAt>1700000001000&property=createdAt<1700000004000", 2),
        ("flowId==nobody", 0),
        ("parentFlowRunId==null", 5),
        ("id", 5),
    ],
)
def test_runs_are_filtered(client: Client, flow: str, property_: str, found: int) -> None:
    """Paths, operators, lists of values, folded states, ranges in one value, projections."""
    assert flow
    answer = client("GET", "/runs?property=" + property_.replace("&", "%26"))
    assert len(answer.json()["items"]) == found, answer.text


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("limit=0", "1452-400"),
        ("limit=ten", "1452-400"),
        ("orderby=*name", "1432-400"),
        ("orderby=-nosuch", "1433-400"),
        ("color=red", "1451-400"),
        ("continuationToken=abc", "1451-400"),
        ("property=id~x", "1440-400"),
        ("property=id!%3Ex", "1450-400"),
        ("property=createdAt==", "1453-400"),
        ("property=id!=a,b", "1443-400"),
        ("property=id%3Ca", "1448-400"),
        ("property=nosuch==1", "1449-400"),
        ("property=createdAt%3Ex", "1452-400"),
    ],
)
def test_a_wrong_query_has_its_number(client: Client, query: str, code: str) -> None:
    """Every mistake in a query says what it is."""
    assert [number(client("GET", f"/{name}?{query}")) for name in ("runs", "flows")] == [code, code]


def test_a_token_of_another_order_is_refused(client: Client, flow: str) -> None:
    """A token that was changed leads nowhere, not to a failure of the server."""
    answer = client("GET", f"/runs?limit=1&property=flowId=={flow}").json()
    token = answer["_links"]["next"]["href"].split("=")[1]
    assert number(client("GET", f"/flows?continuationToken={token[:-3]}")) == "1451-400"
    assert client("GET", f"/connections?continuationToken={token}").status_code in {200, 400}


def test_specs_are_found_by_name(client: Client) -> None:
    """Clients look the flow spec up by its quoted name; there is one."""
    found = client("GET", "/flowSpecs?property=name==%22CloudStorageToAEP%22").json()["items"]
    names = [item["name"] for item in client("GET", "/connectionSpecs").json()["items"]]
    assert [LOCAL_FILES in spec["sourceConnectionSpecIds"] for spec in found] == [True]
    assert {"local-files", "landing-zone", "postgre-sql", "datalake"} <= set(names)
    assert len(set(names)) == len(names)
    assert number(client("GET", "/connectionSpecs?property=nosuch==1")) == "1423-400"


@pytest.mark.usefixtures("flow")
def test_an_order_without_an_index_bears_many_runs(client: Client) -> None:
    """It is kept among the newest runs, read in pages of a size that the ledger has."""
    assert len(client("GET", "/runs?orderby=name&limit=1000").json()["items"]) == 5


@pytest.mark.parametrize(("op", "found"), [("==", 1), (">", 2), (">=", 3), ("<", 2), ("<=", 3), ("!=", 4)], ids=str)
def test_runs_are_selected_by_the_millisecond_of_their_making(client: Client, flow: str, op: str, found: int) -> None:
    """A run within the millisecond counts as of it, in a list and in a count."""
    whole = client("GET", f"/flows/{flow}/runs").json()["items"]
    query = f"property=flowId=={flow}&property=createdAt{op}{whole[2]['createdAt']}"
    assert len(client("GET", f"/runs?{query}").json()["items"]) == found
    assert client("GET", f"/runs?{query}&count=true").json() == {"count": found}


def test_a_filter_of_many_values_has_a_limit(client: Client, flow: str) -> None:
    """Many ids are one question; too many are refused, not a failure."""
    many = ",".join(f"run-{number}" for number in range(499))
    whole = client("GET", f"/flows/{flow}/runs").json()["items"]
    assert len(client("GET", f"/runs?property=id=={many},{whole[0]['id']}").json()["items"]) == 1
    assert number(client("GET", f"/runs?property=id=={many},a,b")) == "1443-400"


def test_filters_too_long_for_the_next_page_are_refused(client: Client, flow: str) -> None:
    """A link that could not be followed is not given."""
    many = ",".join("x" * 100 + str(number) for number in range(80))
    answer = client("GET", f"/runs?limit=1&property=flowId=={flow},{many}")
    assert number(answer) == "1451-400"
