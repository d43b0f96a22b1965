"""Which reader takes a landing."""

from headrace.core.landing import Landing
from headrace.core.settings import PromoteSettings
from headrace.core.source import FileType
from headrace.dataplane.promotion.columnar import open_parquet
from headrace.dataplane.promotion.documents import open_json
from headrace.dataplane.promotion.reading import Source, open_delimited, unpack
from headrace.dataplane.promotion.session import Session
from headrace.dataplane.storage import Roots


def open_source(
    session: Session, settings: PromoteSettings, landing: Landing, roots: Roots, *, exactly: bool
) -> Source:  # fmt: skip
    """Return the landing as a relation; ``exactly``: trust no reader that guesses, however slow that is.

    Raises:
        Problem: ``LANDING_GONE``, ``SOURCE_EMPTY``, ``SOURCE_UNREADABLE``, ``LIMIT_EXCEEDED``.
    """
    files = unpack(session, settings, landing, roots)
    if landing.format != "source" or settings.format.type is FileType.PARQUET:
        return open_parquet(session, files)
    if settings.format.type is FileType.JSON:
        return open_json(session, settings, files, exactly=exactly)
    return open_delimited(session, settings, files, exactly=exactly)
