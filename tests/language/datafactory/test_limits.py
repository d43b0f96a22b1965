"""What expressions that are meant to harm come to: a clean error, soon."""

import pytest

from headrace.language.datafactory.state import FixedState
from language.datafactory.evaluating import assert_value, refusal_of

LARGE = FixedState.of({
    "parameters": {
        "text": "x" * 3_000_000,
        "numbers": list(range(50_000)),
        "objects": [{"a": number, "b": [1.5]} for number in range(20_000)],
    }
})  # fmt: skip


def many(call: str) -> str:
    """Return an expression with a call as often as it may have it."""
    return f"@createArray({','.join([call] * (8_000 // (len(call) + 1)))})"


@pytest.mark.parametrize(
    "text",
    [
        "@concat(pipeline().parameters.text, pipeline().parameters.text)",
        "@{pipeline().parameters.text}@{pipeline().parameters.text}",
        "@replace(pipeline().parameters.text, 'x', 'yy')",
        "@join(createArray(pipeline().parameters.text, 'x'), pipeline().parameters.text)",
        "@uriComponent(concat(pipeline().parameters.text, 'é'))",
        "@string(createArray(pipeline().parameters.text, pipeline().parameters.text))",
        "@base64(createArray(pipeline().parameters.text, pipeline().parameters.text))",
    ],
)
def test_a_text_of_more_than_4_mb_is_not_made(text: str) -> None:
    """It is refused before there is memory for it."""
    assert "more than 4194304 characters" in refusal_of(text, LARGE)


def test_an_array_of_more_than_a_million_elements_is_not_made() -> None:
    """A text of commas would split into many."""
    assert "more than 1000000 elements" in refusal_of("@split(pipeline().parameters.text, 'x')", LARGE)


@pytest.mark.parametrize(
    "text",
    [
        many("length(concat(pipeline().parameters.text, 'x'))"),
        pytest.param(many("contains(pipeline().parameters.numbers, -1)"), marks=pytest.mark.soak),
        pytest.param(
            many("length(union(pipeline().parameters.objects, pipeline().parameters.objects))"), marks=pytest.mark.soak
        ),
        pytest.param(
            many("equals(pipeline().parameters.objects, pipeline().parameters.objects)"), marks=pytest.mark.soak
        ),
        many("range(1, 100000)"),
    ],
    ids=lambda text: text[13:40],
)
def test_work_that_is_asked_for_again_and_again_has_an_end(text: str) -> None:
    """However it is spelt, an evaluation takes so many steps and no more."""
    assert "takes more than 1000000 steps" in refusal_of(text, LARGE)


def test_expressions_of_one_text_and_of_one_template_have_a_limit() -> None:
    """Reading them costs more than evaluating them."""
    assert "more than 4096 expressions" in refusal_of("@{1}" * 5_000)
    assert_value("@{1}" * 4_000, "1" * 4_000)
    assert "more than 1000000 steps" in refusal_of(["@1"] * 60_000)


@pytest.mark.parametrize(
    "text",
    [
        f"@json('{'[' * 4_000}{']' * 4_000}')",
        f"@json('{'{a:' * 2_000}1{'}' * 2_000}')",
        f"@json('{'9' * 8_000}')",
        f"@int('{'9' * 8_000}')",
        f"@json('{chr(92) * 8_000}')",
        f"@dataUriToString('data:{';a' * 4_000}')",
    ],
    ids=lambda text: text[:12],
)
def test_texts_that_are_hard_to_read_are_refused(text: str) -> None:
    """Depth, digits and repetition do not cost time."""
    assert refusal_of(text).startswith("The function '")


def test_values_of_a_state_may_be_deeper_than_texts_of_them() -> None:
    """They are handed on as they are; only their text has a limit."""
    deep: list[object] = []
    for _ in range(500):
        deep = [deep]
    state = FixedState(items=(deep,))  # type: ignore[arg-type]  # lists of lists are JSON
    assert_value("@empty(item())", value=False, state=state)
    assert "nests deeper than 128 levels" in refusal_of("@string(item())", state)
    assert "nests deeper than 128 levels" in refusal_of("@equals(item(), item())", state)
