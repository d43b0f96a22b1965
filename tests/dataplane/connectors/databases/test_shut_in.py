"""Databases that are files of this machine: what a stranger's SQL reaches through them is that one file."""

import sqlite3
from pathlib import Path

import pytest

from headrace.core.errors import Code, Problem
from headrace.core.task import Cancellation
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.connectors.databases import odbc, sqlite
from headrace.dataplane.limits import Limits


@pytest.mark.parametrize(
    "statement",
    [
        "ATTACH DATABASE '{folder}/other.db' AS other",
        "EXPLAIN ATTACH DATABASE '{folder}/other.db' AS other",
        "VACUUM INTO '{folder}/copy.db'",
        "SELECT load_extension('/tmp/evil')",
        "SELECT \"Load_Extension\"('/tmp/evil')",
        "SELECT fts3_tokenizer('simple', x'00')",
        "PRAGMA writable_schema = 1",
        "PRAGMA main.writable_schema(1)",
        "PRAGMA temp_store_directory = '{folder}'",
        "PRAGMA data_store_directory = '{folder}'",
        "PRAGMA soft_heap_limit = 1",
        "PRAGMA hard_heap_limit = 1",
        "PRAGMA mmap_size = 1000000000",
        "PRAGMA trusted_schema = ON",
        "SELECT zeroblob(900000000)",
    ],
)
def test_no_statement_leads_out_of_the_file(tmp_path: Path, statement: str) -> None:
    """Neither other files, nor libraries, nor what is the whole process's: its memory and its folders."""
    file = tmp_path / "own.db"
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE secret (a)").connection.close()
    for writes in (True, False):
        connection = sqlite.connect(ConnectionInfo("sqlite", f"sqlite:///{file}"), Limits(), writes=writes)
        try:
            with pytest.raises((sqlite3.DatabaseError, sqlite3.DataError)):
                connection.execute(statement.format(folder=tmp_path)).fetchall()
        finally:
            connection.close()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.db", "own.db"]


def test_a_data_source_of_the_machine_that_is_a_file_is_not_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its driver would let a statement open any file: what is in the operator's odbc.ini is no wider door than a driver's name."""
    ini = tmp_path / "odbc.ini"
    ini.write_text(f"[ours]\nDriver=SQLite3\nDatabase={tmp_path}/a.db\n")
    monkeypatch.setenv("ODBCINI", str(ini))
    info = ConnectionInfo("odbc", "", {"connection_string": "uid=u;dsn=ours"})
    with pytest.raises(Problem, match="is a file") as caught, odbc.open_odbc(info, Limits(), Cancellation()):
        pass
    assert caught.value.code is Code.UNSUPPORTED
