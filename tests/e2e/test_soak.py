"""Two hundred random kills over mixed flows, on both databases; `make soak` only."""

import contextlib
import random
import subprocess
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from e2e.house import House, ended_at_last
from e2e.orders import TABLE, FlowText, Orders, assert_clean
from headrace.core import crashpoints
from headrace.core.run import RunStatus

pytestmark = [pytest.mark.soak, pytest.mark.postgres]

KILLS = 100
"""For each database."""
SEED = 20_240_331
POINTS = sorted(crashpoints.declared())


def a_death(chance: random.Random) -> tuple[str, float]:
    """Return where the next worker dies, and after how many seconds at the latest; the point may be one that it never passes."""
    if chance.random() < 0.5:
        return f"{chance.choice(POINTS)}:{chance.randint(1, 3)}", chance.uniform(3, 5)
    return "", chance.uniform(0.5, 4)


def put_flows(house: House, files: Orders, table: Orders) -> Iterator[tuple[str, Orders, int]]:
    """Keep the flows, and yield each one's id, its source and its threshold of amounts; the last one has too many rejects at first."""
    yes = [("files", FlowText(), files, 900), ("table", FlowText(source=TABLE), table, 900)]
    for name, text, orders, maximum in [*yes, ("retried", FlowText(maximum=100, at_most="1%"), files, 800)]:
        FlowText(**{**vars(text), "name": name, "table": name}).write(house)
        yield house.put().id, orders, maximum


def test_random_kills_over_mixed_flows_lose_and_repeat_nothing(house: House, postgres_url: str) -> None:
    """Each run that succeeded has delivered its source once: the target is that many times the source."""
    chance = random.Random(SEED)  # noqa: S311 — what dies when is to be the same each time
    house.settings |= {"SHOP_URL": postgres_url, "HEADRACE_DEAD_AFTER_SECONDS": "1"}
    files, table = Orders.make(900), Orders.make(600)
    files.write_files(house.folder / "data")
    table.write_table(postgres_url)
    flows = list(put_flows(house, files, table))
    for _ in range(KILLS):
        house.ask(chance.choice(flows)[0])
        point, seconds = a_death(chance)
        with (
            ended_at_last(house.start("worker", crash_at=point)) as worker,
            contextlib.suppress(subprocess.TimeoutExpired),
        ):
            worker.wait(timeout=seconds)
    FlowText(**{**vars(FlowText(maximum=800)), "name": "retried", "table": "retried"}).write(house)
    house.put()
    house.work(600)
    for failed in [run for run in house.runs() if run.status is RunStatus.FAILED]:
        house.ask_for_retry(failed.id)
    house.work(600)
    assert_all_delivered(house, flows)


def assert_all_delivered(house: House, flows: list[tuple[str, Orders, int]]) -> None:
    """Assert the oracle for each flow, over all of its runs."""
    assert_clean(house)
    for flow_id, orders, maximum in flows:
        mine = [run for run in house.runs() if run.flow_id == flow_id]
        good = [run for run in mine if run.status is RunStatus.SUCCEEDED]
        assert {run.group_id for run in good} == {run.group_id for run in mine}
        expected: Counter[tuple[Any, ...]] = Counter()
        for row, count in orders.accepted(maximum).items():
            expected[row] = count * len(good)
        assert house.target(mine[0].flow_name) == expected
        assert all(house.quarantined(house.batches(run.id)[-1].id) == orders.rejected(maximum) for run in good)
