"""The language of mappings, put together for the data plane, which does not know it."""

from headrace.core.mapping import MappingLanguage
from headrace.language import dataprep
from headrace.language.dataprep.natives import NATIVES


def mapping_language() -> MappingLanguage:
    """Return the data preparation language."""
    return MappingLanguage(
        dataprep.compile_expression, dataprep.cast_sql, tuple(NATIVES.values()), dataprep.split_each, dataprep.removes
    )
