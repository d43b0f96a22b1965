"""DuckDB's own typed COPY of one CSV to Parquet. Arguments: CSV, columns and types as JSON. Prints seconds and peak memory."""

import json
import resource
import sys
import tempfile
import time
from pathlib import Path

import duckdb

csv, types = sys.argv[1], json.loads(sys.argv[2])
out = Path(tempfile.mkdtemp(dir=Path(csv).parent)) / "out.parquet"
connection = duckdb.connect(config={"threads": 2, "memory_limit": "1GiB"})
connection.execute("SET TimeZone = 'UTC'")
start = time.perf_counter()
connection.execute(
    f"COPY (SELECT * FROM read_csv({csv!r}, header = true, columns = {types!r})) TO '{out}' (FORMAT parquet, COMPRESSION snappy)"
)
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
