"""Settings: the one reader of the environment and of ``headrace.toml``."""

from headrace.config.reading import FILE_NAME, MASK, diagnose, environment, has_colours, is_debugging, load, reference
from headrace.config.settings import PREFIX, Settings

__all__ = [
    "FILE_NAME",
    "MASK",
    "PREFIX",
    "Settings",
    "diagnose",
    "environment",
    "has_colours",
    "is_debugging",
    "load",
    "reference",
]
