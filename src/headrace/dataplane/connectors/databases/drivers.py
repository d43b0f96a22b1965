"""Drivers that an installation may lack."""

from headrace.core.errors import Code, Problem


def require(module: object, database: str, extra: str) -> None:
    """Check that the driver of ``database`` is there; ``module`` is what importing it gave, None where it is not installed.

    Raises:
        Problem: ``UNSUPPORTED``, with the command that installs it.
    """
    if module is None:
        message = f"{database} needs a driver that is not installed: pip install 'headrace[{extra}]'"
        raise Problem(Code.UNSUPPORTED, message)
