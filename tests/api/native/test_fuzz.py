"""Whatever is sent, no answer is a failure of ours. schemathesis asks much more of it in `make soak` (``test_asking``)."""

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from api.native.conftest import Api, api_of, error_of, installed
from headrace.core.native.table import OPERATIONS
from headrace.core.native.wire import members_of

_TEXTS = st.sampled_from(
    ["run-1", "batch-1", "flow-1", "@latest", "flowservice/acme/prod", "", "nix", "%", "\x7f", "💩"]
)
_NUMBERS = st.integers(-(10**20), 10**20) | st.sampled_from([0, 1, -1, 2**31, 2**63, 0.5, 1e300])
_SCALARS = st.none() | st.booleans() | _NUMBERS | _TEXTS | st.text(max_size=5)
_VALUES = st.recursive(_SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_TEXTS, inner, max_size=3))
_KEY = st.sampled_from(["", "key", "other"])


@pytest.fixture(scope="module")
def api(runner: asyncio.Runner, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """Return an operator of an installation of its own, of which nothing is left as it was."""
    with installed(tmp_path_factory.mktemp("fuzz")) as house:
        yield api_of(runner, house)


@settings(max_examples=80)
@given(data=st.data())
def test_nothing_that_is_sent_breaks_the_server(api: Api, data: st.DataObject) -> None:
    """Members of every kind, in paths, queries, bodies and headers."""
    one = data.draw(st.sampled_from(OPERATIONS))
    path = one.path
    for name in one.path_names:
        text = data.draw(_TEXTS).encode("utf-8", "replace")
        path = path.replace(f"{{{name}}}", quote(text, safe="") or "nix")
    names = [name for name in members_of(one.asked) if name not in one.path_names]
    drawn: dict[str, Any] = {name: data.draw(_VALUES) for name in names if data.draw(st.booleans())}
    headers = {"idempotency_key": key} if (key := data.draw(_KEY)) else {}
    if one.sends or one.method in {"GET", "DELETE"}:
        query = urlencode({name: str(value).encode("utf-8", "replace") for name, value in drawn.items()})
        answer = api(one.method, f"{path}?{query}", b"{}\nx" if one.sends else None, **headers)
    else:
        answer = api(one.method, path, drawn, **headers)
    assert answer.status_code < 500, answer.text
    if answer.status_code >= 400:
        assert error_of(answer)["message"]
