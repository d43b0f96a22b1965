"""``headrace expressions eval``."""

import io
import json
import sys
from pathlib import Path

import pytest

from command_line import Headrace
from headrace.cli.main import call


@pytest.mark.parametrize(
    ("expression", "printed"),
    [
        ("@add(1, 9)", "10"),
        ("@add(1.0, 9)", "10.0"),
        ("@createArray(true, null, 'é')", '[true, null, "é"]'),
        ("no expression", '"no expression"'),
        ("@pipeline()", '{"parameters": {}, "globalParameters": {}}'),
    ],
)
def test_the_value_is_printed_as_json(capsys: pytest.CaptureFixture[str], expression: str, printed: str) -> None:
    """Integers and floats can be told apart, and nothing else goes to standard output."""
    assert call(["expressions", "eval", expression]) == 0
    assert capsys.readouterr().out == f"{printed}\n"


def test_what_expressions_refer_to_comes_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Parameters, variables, activities and the item have the shape of a run's."""
    state = tmp_path / "state.json"
    document = {
        "pipeline": {"RunId": "r-1"},
        "parameters": {"name": "orders"},
        "variables": {"count": 2},
        "activities": {"Look Up": {"status": "Succeeded", "output": {"rows": 5}, "error": None}},
        "item": {"id": 7},
    }
    state.write_text(json.dumps(document))
    text = (
        "@concat(pipeline().RunId, '/', pipeline().parameters.name, '/', variables('COUNT'), '/', "
        "activity('look up').output.rows, activity('Look Up').Status, '/', item().id)"
    )
    assert call(["expressions", "eval", text, "--state", str(state)]) == 0
    assert json.loads(capsys.readouterr().out) == "r-1/orders/2/5Succeeded/7"


def test_an_expression_that_fails_ends_with_1(capsys: pytest.CaptureFixture[str]) -> None:
    """The message is the one that the activity would fail with."""
    assert call(["expressions", "eval", "@nope()"]) == 1
    printed = capsys.readouterr()
    assert printed.err == "error: The template function 'nope' is not defined or not valid.\n"
    assert printed.out == ""


def test_cases_are_answered_line_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A failing case is a line like the others, and the command succeeds."""
    cases = tmp_path / "cases.jsonl"
    lines = [json.dumps("@div(7, 2)"), "", json.dumps({"expr": "@div(1, 0)"}), json.dumps({"expr": "@{1.0}", "id": 3})]
    cases.write_text("\n".join(lines))
    assert call(["expressions", "eval", "--input", str(cases)]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == [
        {"ok": 3},
        {"error": "Attempt to divide an integral or decimal value by zero in function 'div'."},
        {"ok": "1"},
    ]


def test_cases_may_come_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each line is answered before the next is read."""
    monkeypatch.setattr(sys, "stdin", io.StringIO('"@{1}"\n"@@"\n'))
    assert call(["expressions", "eval", "--input", "-"]) == 0
    assert capsys.readouterr().out == '{"ok": "1"}\n{"ok": "@"}\n'


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((), "give either an expression or --input"),
        (("@1", "--input", "-"), "give either an expression or --input"),
        (("@1", "--language", "cobol"), "'cobol' is not a language"),
    ],
)
def test_a_call_that_is_not_understood_ends_with_64(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    """As everywhere."""
    assert call(["expressions", "eval", *arguments]) == 64
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[1]", "a state is a JSON object"),
        ("{", "state.json: no JSON"),
        (None, "state.json cannot be read"),
    ],
)
def test_a_state_that_is_none_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, words: str
) -> None:
    """The file is named."""
    state = tmp_path / "state.json"
    if content is not None:
        state.write_text(content)
    assert call(["expressions", "eval", "@1", "--state", str(state)]) == 1
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "words"),
    [("1", "a case is a JSON string"), ("{}", "a case is"), ('{"expr": NaN}', "a case is"), ("@1", "no JSON")],
)
def test_a_line_that_is_no_case_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, words: str
) -> None:
    """It has its line of the answer too, all others are answered, and the command ends with 1."""
    cases = tmp_path / "cases.jsonl"
    cases.write_text(f'"@1"\n{line}\n"@2"\n')
    assert call(["expressions", "eval", "--input", str(cases)]) == 1
    first, second, third = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first, third) == ({"ok": 1}, {"ok": 2})
    assert f"line 2: {words}" in second["error"]


def test_half_of_a_pair_of_surrogates_stops_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """JSON can hold what no output can encode."""
    cases = tmp_path / "cases.jsonl"
    cases.write_text('"\\ud83d"\n"@\\ud83d"\n')
    assert call(["expressions", "eval", "--input", str(cases)]) == 0
    printed = capsys.readouterr().out
    assert printed.encode()
    assert [list(json.loads(line)) for line in printed.splitlines()] == [["ok"], ["error"]]


def test_it_needs_no_home_and_makes_none(headrace: Headrace, tmp_path: Path) -> None:
    """Trying an expression leaves nothing behind."""
    ended = headrace("expressions", "eval", "@concat('a', 'b')")
    assert (ended.returncode, ended.stdout) == (0, '"ab"\n')
    assert list(tmp_path.iterdir()) == []
