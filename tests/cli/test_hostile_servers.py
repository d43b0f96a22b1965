"""A server that means harm: nothing that it says moves a terminal's cursor, fills the memory, or leads a file elsewhere."""

import gzip
import json
from pathlib import Path

import pytest

from cli.scripted import answer, scripted
from headrace.cli.main import call
from headrace.cli.output import Format, Output, harmless
from headrace.cli.remote import Credentials, RemoteDesk
from headrace.core.errors import Code, Problem
from headrace.core.native.operation import Nothing
from headrace.core.native.table import SHOW_ME

EVIL = "\x1b]0;title\x07\x1b[2J\x9b31m\r\x08\u202egnp\u2066"
"""What a terminal acts on: its title, a cleared screen, a CSI of one byte, the line's begin, and letters the other way round."""
REFUSED = json.dumps(
    {"error": {"code": EVIL, "message": EVIL, "fields": [{"path": EVIL, "message": EVIL, "hint": EVIL}]}}
)
ACTING = set("\x1b\x07\x9b\r\x08\u202e\u2066")


@pytest.mark.parametrize("form", ["table", "json"])
def test_the_words_of_a_server_move_no_cursor(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Refusals as they are told to people, and as JSON; and answers of the wrong kind."""
    me = json.dumps({"client": EVIL, "name": EVIL, "role": EVIL, "scopes": [EVIL]})
    for told in (answer(REFUSED, "400 x"), answer(me)):
        with scripted([told] * 3) as server:
            assert call(["runs", "show", "x", "--url", server.url, "-o", form]) == 1
    printed = capsys.readouterr()
    assert not ACTING & set(printed.out + printed.err)
    assert "title" in printed.err


def test_whatever_is_printed_is_harmless_but_our_colours_stay(capsys: pytest.CaptureFixture[str]) -> None:
    """Whoever prints a text of others need not think of it; JSON stays the same value."""
    for output in (Output(), Output(Format.JSON)):
        output.say(EVIL)
        output.note(EVIL)
    Output(Format.JSON).document({"a": EVIL, "half": "\ud800"})
    printed = capsys.readouterr()
    assert not ACTING & set(printed.out + printed.err)
    assert json.loads(printed.out[printed.out.index("{") :]) == {"a": EVIL, "half": "\ud800"}
    assert harmless("\x1b[31mred\x1b[0m\nnext\tcell") == "\x1b[31mred\x1b[0m\nnext\tcell"


def test_an_answer_without_end_comes_to_one() -> None:
    """However small it came over the wire."""
    packed = gzip.compress(b" " * (64 << 20))
    head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(packed)}\r\n\r\n".encode()
    deep = answer("[" * 200_000)
    known = Credentials(token="t" * 30)
    with scripted([head + packed, deep]) as server, RemoteDesk(server.url, known, longest_answer=1 << 20) as desk:
        for _ in range(2):
            with pytest.raises(Problem) as caught:
                desk.ask(SHOW_ME, Nothing())
            assert caught.value.code is Code.UNAVAILABLE


def test_the_id_of_a_batch_leads_a_file_nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the server's word."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rejects-").mkdir()
    batch = {"id": "/../../out", "run_id": "r", "activity": "a", "table": "t", "status": "committed"}
    line = {"batch": {**batch, "created_at": "2026-01-01T00:00:00.000000Z"}, "scope": "s", "flow": "f", "flow_id": "f"}
    view = {"line": line, "reasons": [], "rejected": 1, "left": 1, "kept": 1, "replays": [], "can_replay": False}
    with scripted([answer(json.dumps(view)), answer("{}\n")]) as server:
        assert call(["quarantine", "download", "x", "--url", server.url]) == 0
    assert sorted(path.name for path in tmp_path.iterdir()) == ["rejects-", "rejects--------out.json"]
