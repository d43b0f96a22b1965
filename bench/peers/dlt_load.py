"""dlt's fastest path for a typed CSV: DuckDB reads, Arrow batches go through dlt, Parquet files come out.

Arguments: CSV file, output folder. Prints the seconds of ``pipeline.run`` and the peak memory of the process in MB.
"""

import json
import os
import resource
import sys
import tempfile
import time

os.environ.update(
    RUNTIME__DLTHUB_TELEMETRY="false", RUNTIME__LOG_LEVEL="ERROR", NORMALIZE__WORKERS="2", LOAD__WORKERS="2"
)

import dlt
import duckdb
import pyarrow as pa

csv, folder = sys.argv[1:3]
TYPES = json.loads(sys.argv[3])


@dlt.resource(name="rows")
def rows():
    connection = duckdb.connect()
    reader = connection.sql(f"SELECT * FROM read_csv({csv!r}, columns = {TYPES!r})")
    for batch in reader.to_arrow_reader(500_000):
        yield pa.Table.from_batches([batch])


pipeline = dlt.pipeline(
    "bench",
    destination=dlt.destinations.filesystem(bucket_url="file://" + folder),
    dataset_name="bench",
    pipelines_dir=tempfile.mkdtemp(),
)
start = time.perf_counter()
pipeline.run(rows(), loader_file_format="parquet")
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}))
