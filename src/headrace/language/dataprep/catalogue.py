"""The one table of functions, and what the contract has beyond it."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from headrace.language.dataprep import identity, logic, numbers, texts, times
from headrace.language.dataprep.table import Function, FunctionDoc

_ALL: Final[tuple[Function, ...]] = (
    *texts.FUNCTIONS,
    *logic.FUNCTIONS,
    *numbers.FUNCTIONS,
    *times.FUNCTIONS,
    *identity.FUNCTIONS,
)

FUNCTIONS: Final[Mapping[str, Function]] = MappingProxyType(
    {name: function for function in _ALL for name in (function.doc.name, *function.doc.aliases)},
)
"""Every function under its name and its aliases."""

_LATER: Final = "is not supported yet"
PLANNED: Final[Mapping[str, str]] = MappingProxyType(
    {
        **dict.fromkeys(
            [
                "arrays_to_objects",
                "arrays_to_object",
                "to_object",
                "str_to_object",
                "contains_key",
                "is_set",
                "get_keys",
                "get_values",
                "map_get_values",
                "map_has_keys",
                "add_to_map",
                "object_to_map",
                "array_to_map",
                "to_map",
                "add_to_array",
                "join_arrays",
                "to_array",
                "upsert_array_append",
                "upsert_array_replace",
                "array_to_string",
                "filterArray",
                "transformArray",
                "flattenArray",
                "json_to_object",
                "fpid_to_ecid",
                "get_url_query_str",
                "get",
                "ua_os_name",
                "ua_os_version",
                "ua_os_version_major",
                "ua_os_name_version",
                "ua_agent_name",
                "ua_agent_version",
                "ua_agent_version_major",
                "ua_device_class",
                "aa_get_event_id",
                "aa_get_event_value",
                "aa_get_product_categories",
                "aa_get_product_names",
                "aa_get_product_quantities",
                "aa_get_product_quantity",
                "aa_get_product_prices",
                "aa_get_product_price",
                "aa_get_product_event_values",
                "aa_get_product_evars",
            ],
            _LATER,
        ),
        "sha512": "is not supported: DuckDB has no SHA-512; use sha256",
        "crc32": "is not supported: DuckDB has no CRC-32; use md5",
    },
)
"""Functions of the contract that this version refuses by name, with the words of the refusal."""


def functions() -> Sequence[FunctionDoc]:
    """Return what is to be known of every function, by category and name."""
    return sorted((function.doc for function in _ALL), key=lambda doc: (doc.category, doc.name))
