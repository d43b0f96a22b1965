"""A canary in the place of a secret, looked for in everything that an installation writes and says."""

import pytest

from e2e.house import House
from e2e.orders import TABLE, FlowText, Orders

pytestmark = [pytest.mark.e2e, pytest.mark.postgres]

CANARY = "canary-5c1e7f"


def test_a_canary_is_in_no_file_of_the_installation(sqlite_house: House, postgres_url: str) -> None:
    """Neither in the ledger nor in logs, landing, lake or quarantine, nor in what is printed, whether the run succeeds or fails."""
    house = sqlite_house
    Orders.make(60).write_table(postgres_url)
    secret = postgres_url.replace("postgres@", f"postgres:{CANARY}@")
    FlowText(source=TABLE).write(house)
    house.settings |= {"SHOP_URL": secret, "HEADRACE_LOG_LEVEL": "debug"}
    said = [house.headrace("run", "flow.yaml", "-o", "json")]
    house.settings["SHOP_URL"] = secret.rsplit("/", 1)[0] + "/nowhere"
    said += [house.headrace("run", "flow.yaml"), house.headrace("runs", "errors", "@latest", "-o", "json")]
    assert [one.returncode for one in said] == [2, 1, 0], said
    files = [file for file in house.folder.rglob("*") if file.is_file()]
    assert house.folder / "ledger.db" in files
    assert [file for file in files if CANARY.encode() in file.read_bytes()] == []
    assert CANARY not in "".join(one.stdout + one.stderr for one in said)
