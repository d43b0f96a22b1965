"""A flow file whose source is a PostgreSQL table."""

import json
from pathlib import Path

import psycopg
import pytest
from deltalake import DeltaTable

from command_line import headrace_in

FLOW = """
name: orders
parameters: {least: 2}
source:
  database: ${env:ORDERS_URL}
  query: select id, total, updated_at from cli_orders where id >= ${least}
  delta_column: updated_at
mapping: {id: id, total: total}
target:
  table: orders
  schema: {id: {type: long, required: true}, total: "decimal(10,2)"}
"""


@pytest.mark.postgres
def test_a_window_of_a_query_is_read_and_the_password_stays_hidden(tmp_path: Path, postgres_url: str) -> None:
    """Half-open at full precision; the URL comes from the environment and stands nowhere in clear."""
    with psycopg.connect(postgres_url) as connection:
        connection.execute("drop table if exists cli_orders")
        connection.execute("create table cli_orders (id bigint, total numeric(10,2), updated_at timestamptz)")
        connection.execute(
            "insert into cli_orders select n, n * 1.5, '2024-01-01T00:00:00Z'::timestamptz + n * interval '1 hour' from generate_series(1, 6) n"
        )
    (tmp_path / "flow.yaml").write_text(FLOW)
    headrace = headrace_in(tmp_path)
    window = ("--window", "2024-01-01T01:00:00Z", "2024-01-01T05:00:00Z")
    ended = headrace("run", "flow.yaml", "-o", "json", *window, ORDERS_URL=postgres_url)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    table = DeltaTable(str(tmp_path / ".headrace" / "lake" / "orders")).to_pyarrow_table()
    assert sorted(table["id"].to_pylist()) == [2, 3, 4]
    assert str(min(table["total"].to_pylist())) == "3.00"
    assert postgres_url not in ended.stdout + ended.stderr
    assert json.loads(ended.stdout)["window"]["end"] == "2024-01-01T05:00:00.000000Z"


def test_a_variable_that_is_not_set_is_told_before_anything_runs(tmp_path: Path) -> None:
    """The name, never a value."""
    (tmp_path / "flow.yaml").write_text(FLOW)
    ended = headrace_in(tmp_path)("run", "flow.yaml")
    assert ended.returncode == 1
    assert "the environment has no variable 'ORDERS_URL'" in ended.stderr


@pytest.mark.postgres
def test_runs_without_a_window_go_on_where_the_last_one_ended(tmp_path: Path, postgres_url: str) -> None:
    """Each row once, however often the flow is run; a run that failed moves nothing, and its retry moves the watermark."""
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE TABLE moving (id bigint, at timestamptz)")
        connection.execute("INSERT INTO moving SELECT i, now() - i * interval '1 hour' FROM generate_series(1, 3) i")
        source = "source: {database: '${env:URL}', table: public.moving, delta_column: at}"
        (tmp_path / "flow.yaml").write_text(
            f"name: moving\n{source}\ntarget: {{table: m, schema: {{id: {{type: long, maximum: 9}}, at: timestamp}}}}\n"
        )
        headrace = headrace_in(tmp_path)

        def rows(*command: str) -> int:
            ended = headrace(*command, "-o", "json", URL=postgres_url)
            assert "WARNING" not in ended.stderr
            return int(json.loads(ended.stdout)["figures"]["rows_accepted"] or 0)

        assert [rows("run", "flow.yaml"), rows("run", "flow.yaml")] == [3, 0]
        connection.execute("INSERT INTO moving VALUES (10, now() - interval '1 minute')")
        assert rows("run", "flow.yaml") == 0
        file = tmp_path / "flow.yaml"
        file.write_text(file.read_text().replace("maximum: 9", "maximum: 99"))
        assert [rows("runs", "retry", "@latest"), rows("run", "flow.yaml")] == [1, 0]
        assert rows("run", "flow.yaml", "--window", "-", "-") == 4
