"""Conversions to numbers."""

from headrace.language.dataprep.table import Function, Site, function
from headrace.language.dataprep.values import DOUBLE, LONG, NUMBER, Value


@function(
    "to_integer(s)",
    "conversion",
    "A whole number of 64 bits. Text is read in plain decimal notation; a fraction other than zeros is a transform error.",
    'to_integer("12") -> 12',
)
def _to_integer(site: Site) -> Value:
    return site.take(0, LONG)


@function(
    "to_bigint(s)",
    "conversion",
    "An exact number of up to 20 digits before and 18 behind the point; a fraction is kept.",
    'to_bigint("1000000.34") -> 1000000.34',
)
def _to_bigint(site: Site) -> Value:
    return site.take(0, NUMBER)


@function(
    "to_decimal(s)",
    "conversion",
    "An exact number of up to 20 digits before and 18 behind the point.",
    'to_decimal("20.56") -> 20.56',
)
def _to_decimal(site: Site) -> Value:
    return site.take(0, NUMBER)


@function(
    "to_float(s)",
    "conversion",
    "A floating-point number (double).",
    'to_float("12.34566") -> 12.34566',
)
def _to_float(site: Site) -> Value:
    return site.take(0, DOUBLE)


FUNCTIONS: tuple[Function, ...] = (_to_integer, _to_bigint, _to_decimal, _to_float)
"""The conversions to numbers."""
