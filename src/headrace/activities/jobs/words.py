"""Words for people in what operations say."""


def counted(number: int, thing: str) -> str:
    """Return a number with what it counts: ``1 record``, ``1,200 records``."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"
