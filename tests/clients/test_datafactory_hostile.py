"""The Data Factory door, asked by schemathesis whatever its own document allows and does not allow."""

from pathlib import Path

import pytest

from clients.factory_asking import ask_every_operation
from clients.factory_served import ServedFactories

pytestmark = pytest.mark.e2e


def test_a_few_requests_to_every_operation(server: ServedFactories, tmp_path: Path) -> None:
    """Each operation answers as its document says, whatever it is asked."""
    assert ask_every_operation(server.base, tmp_path, examples=1, phases="examples,fuzzing") >= 60


@pytest.mark.soak
def test_thousands_of_requests(server: ServedFactories, tmp_path: Path) -> None:
    """The same with 4,000 requests and more, boundary values and wrong ones among them."""
    assert ask_every_operation(server.base, tmp_path, examples=40, phases="examples,coverage,fuzzing") >= 4_000
