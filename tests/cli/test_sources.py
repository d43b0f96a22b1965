"""Flow files whose sources are elsewhere: an object store, an SFTP server, a database of another kind; each with its real server."""

from pathlib import Path

from deltalake import DeltaTable

from command_line import Ended, headrace_in
from mariadb import MariadbServer
from stores import BUCKET, s3_shelf, server_shelf, with_key

DATA = b"id,name\n1,ann\n2,bob\n"
PASSWORD = "p@ss/5c1e7f"
SFTP = """
name: nightly
source:
  files: ["sftp://user@127.0.0.1:${port}/%(folder)s/*.csv", "sftp://user@127.0.0.1:${port}/%(folder)s/more/"]
  connection: {private_key: "${file:keys/id}", passphrase: "${env:PASSPHRASE}", host_key: "${file:keys/fingerprint}"}
parameters: {port: %(port)s}
target: {table: nightly}
"""
TABLE = """
name: orders
source:
  database: mariadb://shopper@127.0.0.1:%(port)s/%(database)s
  connection: {password: "${env:SHOP_PASSWORD}", ssl: disable}
  table: orders
  where: {status: [open, null], amount: {">=": 10}, not: {customer: {like: "x%%"}}}
target: {table: orders}
"""


def ids_in(home: Path, table: str) -> list[int]:
    """Return the ids in a table of the lake, sorted."""
    rows = DeltaTable(str(home / "lake" / table)).to_pyarrow_table()
    return sorted(int(value) for value in rows["id"].to_pylist())


def assert_told_nowhere(secret: str, ended: Ended, home: Path) -> None:
    """Neither is it printed, nor does it stand in clear in any file of the installation."""
    assert secret not in ended.stdout + ended.stderr
    files = [file for file in home.rglob("*") if file.is_file()]
    assert home / "ledger.db" in files
    assert [file for file in files if secret.encode() in file.read_bytes()] == []


def test_a_bucket_is_read_with_the_customary_variables(tmp_path: Path) -> None:
    """Whoever has access with other tools needs nothing but the URL."""
    home = tmp_path / ".headrace"
    with s3_shelf() as server:
        shelf = server.fresh()
        shelf.put("a.csv", DATA)
        shelf.put("b.csv", b"id,name\n3,cid\n")
        shelf.put("c.txt", b"no table")
        text = f"name: bucket\nsource: {{files: 's3://{BUCKET}/{shelf.folder}/*.csv'}}\ntarget: {{table: bucket}}\n"
        (tmp_path / "flow.yaml").write_text(text)
        assert shelf.info is not None
        variables = {
            "AWS_ACCESS_KEY_ID": shelf.info.options["access_key"],
            "AWS_SECRET_ACCESS_KEY": shelf.info.options["secret_key"],
            "AWS_ENDPOINT_URL": shelf.info.url,
        }
        ended = headrace_in(tmp_path)("run", "flow.yaml", **variables)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert ids_in(home, "bucket") == [1, 2, 3]
    assert_told_nowhere(variables["AWS_SECRET_ACCESS_KEY"], ended, home)


def test_a_server_is_read_with_a_key_that_stands_in_a_file_of_its_own(tmp_path: Path) -> None:
    """Relative to the flow file; the passphrase comes from the environment, and only the server with that fingerprint is believed."""
    home, keys = tmp_path / ".headrace", tmp_path / "keys"
    with server_shelf("sftp") as server:
        shelf = server.fresh()
        shelf.put("a.csv", DATA)
        shelf.put("more/b.csv", b"id,name\n3,cid\n")
        options = with_key(shelf).options
        keys.mkdir()
        (keys / "id").write_text(options["private_key"])
        (keys / "fingerprint").write_text(options["host_key"] + "\n")
        assert shelf.info is not None
        port = shelf.info.url.rpartition(":")[2]
        (tmp_path / "flow.yaml").write_text(SFTP % {"port": port, "folder": shelf.folder})
        ended = headrace_in(tmp_path)("run", "flow.yaml", PASSPHRASE=options["passphrase"])
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert ids_in(home, "nightly") == [1, 2, 3]
    assert_told_nowhere(options["private_key"].splitlines()[2], ended, home)


def test_a_table_of_mariadb_is_read_where_a_condition_holds(tmp_path: Path, mariadb_server: MariadbServer) -> None:
    """The database answers the condition; null in a list is null."""
    home = tmp_path / ".headrace"
    mariadb_server.create_database("flow_shop")
    for statement in (
        "CREATE TABLE flow_shop.orders (id bigint, status text, amount decimal(10,2), customer text)",
        (
            "INSERT INTO flow_shop.orders VALUES (1, 'open', 10, 'ann'), (2, 'open', 9.99, 'ann'), (3, NULL, 11, 'bob'), "
            "(4, 'sent', 12, 'bob'), (5, 'open', 13, 'xaver')"
        ),
        f"CREATE OR REPLACE USER shopper IDENTIFIED BY '{PASSWORD}'",
        "GRANT SELECT ON flow_shop.* TO shopper",
    ):
        mariadb_server.run(statement)
    (tmp_path / "flow.yaml").write_text(TABLE % {"port": mariadb_server.port, "database": "flow_shop"})
    ended = headrace_in(tmp_path)("run", "flow.yaml", SHOP_PASSWORD=PASSWORD)
    assert ended.returncode == 0, ended.stderr + ended.stdout
    assert ids_in(home, "orders") == [1, 3]
    assert_told_nowhere(PASSWORD, ended, home)
