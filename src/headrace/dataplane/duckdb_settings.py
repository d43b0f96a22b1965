"""How every DuckDB instance of ours is set: shut in, bounded, with nothing that is loaded or fetched at run time."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from headrace.dataplane.limits import Limits

FULL = ("no space left", "disk quota exceeded", "failed to offload", "max_temp_directory_size")
"""What DuckDB says, in lower case, when a disk is full."""


def literal(text: str) -> str:
    """Return a text as an SQL literal; NUL, which the parser does not take, is put in by ``chr(0)``."""
    parts = ["'" + part.replace("'", "''") + "'" for part in text.split("\0")]
    return parts[0] if len(parts) == 1 else "concat(" + ", chr(0), ".join(parts) + ")"


def bounded(limits: Limits, work: Path) -> dict[str, Any]:
    """Return the configuration of an instance that spills to ``work``."""
    return {
        "threads": limits.threads,
        "memory_limit": limits.memory_limit,
        "temp_directory": str(work / "spill"),
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "allow_persistent_secrets": False,
        "python_enable_replacements": False,
        "enable_external_file_cache": False,
    }


def shut_in(
    connection: Any, folders: Iterable[Path], *, paths: Iterable[Path] = (), settings: Iterable[str] = ()
) -> None:
    """Let a connection read and write below ``folders`` and at ``paths`` only, and change none of its settings but ``settings``, for good."""
    allowed = ", ".join(literal(f"{folder}/") for folder in dict.fromkeys(folders))
    connection.execute(f"SET allowed_directories = [{allowed}]")
    if itself := ", ".join(literal(str(path)) for path in dict.fromkeys(paths)):
        connection.execute(f"SET allowed_paths = [{itself}]")
    if names := ", ".join(map(literal, settings)):
        connection.execute(f"SET allowed_configs = [{names}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
