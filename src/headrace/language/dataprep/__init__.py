"""The expression language of mappings, compiled to DuckDB SQL.

    parse               text to tree; refuses with the place and what was expected
    check_calls         refuses what can be refused without knowing the source
    columns_of          the source columns that a tree reads
    compile_expression  text to SQL of the value and SQL of its transform error
    cast_sql            the automatic conversion of a value to a target column's type
    split_each          what goes through a list, taken apart (``c[*].d``)
    removes             whether an expression's null takes away what a copy has set (``nullify()``)
    functions           the table of functions, for reference pages and doors
    parameters, returned  what a function takes and gives, for readers
    operators           the table of operators

Nothing here runs SQL. The SQL that comes out never raises, whatever a row holds.
"""

from headrace.language.dataprep.casts import Cast, cast_sql
from headrace.language.dataprep.catalogue import functions
from headrace.language.dataprep.compiler import Compiled, check_calls, compile_expression
from headrace.language.dataprep.each import removes, split_each
from headrace.language.dataprep.glossary import OperatorDoc, Parameter, operators, parameters, returned
from headrace.language.dataprep.parser import parse
from headrace.language.dataprep.syntax import Expression, columns_of
from headrace.language.dataprep.table import FunctionDoc

__all__ = [
    "Cast",
    "Compiled",
    "Expression",
    "FunctionDoc",
    "OperatorDoc",
    "Parameter",
    "cast_sql",
    "check_calls",
    "columns_of",
    "compile_expression",
    "functions",
    "operators",
    "parameters",
    "parse",
    "removes",
    "returned",
    "split_each",
]
