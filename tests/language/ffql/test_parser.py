import pytest

from headrace.core.blueprint import Blueprint
from headrace.core.errors import Code, Problem
from headrace.core.record import And, Compare, Is, Operator, Or, RecordFilter
from headrace.language.ffql import parser
from headrace.language.ffql.parser import parse
from sheet_rows import field

BLUEPRINT = Blueprint(
    (
        field("status"),
        field("amount", "number"),
        field("due", "date", "Due date"),
        field("tags", "string-list"),
        field("is"),
    )
)
OPEN = Compare("status", Operator.EQ, "open")
LARGE = Compare("amount", Operator.GT, "100")


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("status eq open", OPEN),
        ("STATUS EQ open", OPEN),
        ('"Due date" is error', Is("due", "error")),
        ("'due date' IS Warning", Is("due", "warning")),
        ("is valid", Is(None, "valid")),
        ("eq open", Compare(None, Operator.EQ, "open")),
        ('"is" ne x', Compare("is", Operator.NE, "x")),
        ('status eq ""', Compare("status", Operator.EQ, None)),
        ("status ne ''", Compare("status", Operator.NE, None)),
        (r'status eq "a \"b\" \'c\' \\ \d"', Compare("status", Operator.EQ, r"""a "b" 'c' \ \d""")),
        (r"status eq O\'Brien", Compare("status", Operator.EQ, "O'Brien")),
        ("status eq O'Brien", Compare("status", Operator.EQ, "O'Brien")),
        ('status eq "and"', Compare("status", Operator.EQ, "and")),
        ("tags contains red", Compare("tags", Operator.CONTAINS, "red")),
        ("status like 5%_", Compare("status", Operator.LIKE, "5%_")),
        ("status eq open and amount gt 100", And((OPEN, LARGE))),
        ("status eq open or amount gt 100 and is error", Or((OPEN, And((LARGE, Is(None, "error")))))),
        ("(status eq open or amount gt 100) AND is error", And((Or((OPEN, LARGE)), Is(None, "error")))),
        ("((status eq open))", OPEN),
    ],
)
def test_a_query_means_what_its_words_say(text: str, meaning: RecordFilter) -> None:
    """Fields by key or label, ``and`` before ``or``, quotes and escapes, two quotes for null."""
    assert parse(text, BLUEPRINT) == meaning


@pytest.mark.parametrize(
    ("text", "place", "words"),
    [
        ("", 1, "empty"),
        ("statsu eq open", 1, 'did you mean "status"'),
        ("status is broken", 11, "error, valid or warning"),
        ("status equals open", 8, "expected one of eq, ne"),
        ("status eq", 10, "expected a value behind eq, found the end"),
        ("status eq and is error", 11, "stands in quotes"),
        ("status eq open now", 16, "expected and, or, or the end"),
        ("status eq open and", 19, "expected a comparison"),
        ("(status eq open", 16, "for the ( at character 1"),
        ("status eq open)", 15, "there is no ( for this )"),
        ('status eq "open', 11, "is not closed"),
        ("amount gt much", 11, "is a number"),
        ("status contains a", 17, "use like or ilike"),
    ],
)
def test_a_bad_query_is_refused_with_the_place_and_what_would_be_right(text: str, place: int, words: str) -> None:
    """Whoever types a query sees where it goes wrong."""
    with pytest.raises(Problem) as caught:
        parse(text, BLUEPRINT)
    assert caught.value.code is Code.INVALID
    assert words in caught.value.message
    assert f"at character {place} " in caught.value.message
    assert [error.path for error in caught.value.fields] == ["q"]


@pytest.mark.parametrize(
    "text",
    [
        "status eq open " * parser.MAX_LETTERS,
        " or ".join(["is error"] * (parser.MAX_TERMS + 1)),
        "(" * 60 + "is error" + ")" * 60,
        f"status eq {'a' * (parser.MAX_VALUE + 1)}",
    ],
)
def test_a_query_has_limits(text: str) -> None:
    """No query takes the parser or the database longer than it should."""
    with pytest.raises(Problem) as caught:
        parse(text, BLUEPRINT)
    assert caught.value.code is Code.LIMIT_EXCEEDED
