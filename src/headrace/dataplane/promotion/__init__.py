"""Promotion: landing to mapped, validated rows, to one commit; what is not accepted goes to the quarantine.

promote       the whole way, and the only entry
inspection    delimited bytes looked at once: what may be read in parallel, what has to be repaired
repair        the slow, exact reader of records, for files that are not clean
reading       landed files to one relation with typed columns
mapping       expressions, conversions and rules to SQL
writing       accepted rows to Parquet, in one pass
rejecting     a second pass, only when rows are missing: who was rejected, and why
session       the DuckDB connection
"""

from headrace.dataplane.promotion.promote import promote

__all__ = ["promote"]
