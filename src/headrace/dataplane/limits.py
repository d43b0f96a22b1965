"""Limits on what one activity may use: settings of the installation, documented in docs/reference/limits.md."""

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB
GIB = 1024 * MIB
TIB = 1024 * GIB


@dataclass(frozen=True, slots=True)
class Limits:
    """What an activity may use and what its input may be. Sizes are bytes unless the field says otherwise.

    A limit that is reached fails the activity with ``Code.LIMIT_EXCEEDED``, naming the limit and its value.
    """

    memory_limit: str = "1GiB"
    """DuckDB's memory per promotion, in DuckDB's notation; what does not fit is spilled to the work folder."""
    threads: int = 2
    """DuckDB's threads per promotion, and files or partitions that one copy reads at the same time."""
    max_row_bytes: int = 64 * MIB
    """Longest row of a delimited or JSON file, in bytes of UTF-8."""
    max_columns: int = 10_000
    """Most columns of a source."""
    max_archive_members: int = 100_000
    """Most members of one archive, those of archives in it included."""
    max_archive_ratio: float = 200.0
    """Most unpacked bytes for each packed byte of a landed file, looked at from ``archive_ratio_from`` unpacked bytes on."""
    archive_ratio_from: int = 256 * MIB
    """Unpacked bytes below which no ratio is looked at: small files of equal lines pack very well, and harm nobody."""
    max_archive_bytes: int = 64 * GIB
    """Most unpacked bytes of one landed file, over all of its members."""
    max_archive_depth: int = 3
    """Most layers of packing in one another: a ``tar.gz`` has two, and so has a ``csv.gz`` in a zip."""
    max_file_name: int = 1_024
    """Longest path of a file in a source or of a member of an archive, in bytes of UTF-8."""
    max_listed_files: int = 1_000_000
    """Most directory entries that one listing looks at."""
    read_chunk: int = 256 * KIB
    """Bytes read at once from a file; cancellation is looked at between two chunks."""
    data_file_bytes: int = 512 * MIB
    """Size of the Parquet files of a large batch; an input of twice as many bytes or fewer becomes one file."""
    batch_bytes: int = 16 * MIB
    """Bytes that the database driver gathers before it hands over a batch of rows."""
    statement_timeout_seconds: float = 6 * 3600.0
    """Longest that one statement may run on a source database."""
    connect_timeout_seconds: float = 15.0
    """Longest wait for a source database to accept a connection."""
    store_connect_seconds: float = 30.0
    """Longest wait for a file store to accept a connection."""
    store_read_seconds: float = 300.0
    """Longest wait for the next bytes of a file store."""
    store_attempts: int = 3
    """How often a listing, or a file, is tried within one copy while the store cannot be reached or breaks off."""
    store_pause_seconds: float = 1.0
    """Pause before the second of these attempts; each further one waits four times as long."""
    store_connections: int = 4
    """Most connections to one SFTP or FTP server within one copy, where the connection document does not say."""
