"""The reference page of the language, written from the table that the compiler itself reads.

``docs/reference/datafactory-expressions.md`` is the output of ``page()``; a test holds the two together. To write it again::

    python -c 'from headrace.language.datafactory.reference import page; print(page(), end="")' > docs/reference/datafactory-expressions.md
"""

from datetime import UTC, datetime
from typing import Final

from headrace.core.clock import from_datetime
from headrace.language.datafactory.catalogue import FUNCTIONS
from headrace.language.datafactory.limits import (
    MAX_DEPTH,
    MAX_ELEMENTS,
    MAX_LENGTH,
    MAX_NESTING,
    MAX_SEGMENTS,
    MAX_STEPS,
    MAX_TEXT,
)
from headrace.language.datafactory.state import FixedState
from headrace.language.datafactory.table import Function
from headrace.language.datafactory.templates import evaluate_text
from headrace.language.datafactory.values import json_text

_CATEGORIES: Final = {
    "Accessor": "What a run knows",
    "String": "Texts",
    "Collection": "Arrays, objects and texts as sequences",
    "Logical": "Comparing and choosing",
    "Conversion": "Conversion",
    "Math": "Numbers",
    "Date": "Dates",
}
_NOW: Final = from_datetime(datetime(2024, 5, 20, 10, 30, tzinfo=UTC))

_INTRODUCTION: Final = """# Expressions of Data Factory pipelines

<!-- Written by headrace.language.datafactory.reference.page(); change the tables there, not this page. -->

Strings of a pipeline are templates. They are evaluated when the activity is about to start, again for each attempt; a failing one fails the
activity with the code `InvalidTemplate`. Try one without a run: [`headrace expressions eval "@add(1, 1.5)"`](cli.md).

| text | meaning |
|---|---|
| `@concat('a', 'b')` | one expression: the value keeps its type |
| `@@rest` | the text `@rest` |
| `rows: @{item().n}` | interpolation: always a text, also where `@{…}` is all of it |
| `a @@{ b` | the text `a @{ b` |
| `@` alone, or not in first place | as it is |

An object `{"value": "@…", "type": "Expression"}` is replaced by the value of its expression. What comes out of parameters, variables and
outputs is never evaluated again.

## The language

- A **literal** is a text in single quotes (`''` is a quote in it), an integer of 64 bits, a float (`1.5`, `1.`, `2e3`), `true`, `false` or
  `null`, in any case. There are no operators: use functions.
- A **call** is `name(argument, …)`. Names of functions, parameters, properties, variables and activities compare without
  case; values of texts do not.
- **Access**: `.name`, `['name']` and `[index]` behind a call, one after the other. What is missing is an error that names what is there. `?.name`,
  `?['name']` and `?[index]` give null instead, also on null: `@activity('Look up').output?.firstRow?.id`.
- Arguments are evaluated from left to right; `if`, `and`, `or` and `coalesce` evaluate only what they need.
- Integers and floats are two types: `add(1, 2)` is `3`, `add(1, 2.0)` is `3.0`. They are equal as numbers for `equals`,
  but not within arrays and objects.
- Texts are counted in UTF-16 units, as in .NET; half of a pair that was cut becomes U+FFFD.

The **text form** of a value, which interpolation, `concat`, `string` and `join` use:

| value | text form |
|---|---|
| null | empty |
| booleans | `True`, `False` |
| integers, floats | `42`, `1.5`; `1.0` is `1`, and from 17 places on `1E+17` |
| arrays, objects | compact JSON, in which floats keep `.0` and booleans are `true` |
| XML and other objects with `$content-type` and `$content` | the text that they hold |

**Dates** are texts: ISO 8601 (`2024-05-20`, `2024-05-20T10:30:00Z`, with an offset or without), `5/20/2024 10:30 AM`, RFC 1123, `May 20, 2024`.
With `Z` a result has `Z`; a time with an offset becomes UTC at once, and is printed with `+00:00`; without either, nothing is assumed.
Formats are those of .NET, standard (`D`, `u`, `o`, …; default `o`) and custom (`yyyy-MM-dd HH:mm`), in English unless `formatDateTime` is given
another culture. Zones are named as Windows does (`W. Europe Standard Time`) or by their IANA name (`Europe/Berlin`).
"""

_ENDING: Final = """
## Errors

The texts are those of the service. Most frequent:

| text | what helps |
|---|---|
| `… cannot be evaluated because property 'x' doesn't exist, available properties are '…'` | another name, or `?.x` |
| `… because property 'x' cannot be selected.` | what stands before it is null: `?.x` |
| `Unable to parse expression '…': expected token 'LeftParenthesis' …` | no name alone: `@pipeline().parameters.name`, not `@name` |
| `… the string character '"' at position '7' is not expected.` | single quotes |
| `The template function 'x' is not defined or not valid.` | a function of this page; related products have others |
| `The template function 'item' is not expected at this location.` | `item()` stands outside of ForEach and Filter |
| `The function 'x' expects its … parameter … The provided value is of type 'T'.` | a conversion: `int`, `string`, `json` |

## Limits

An expression has at most @LENGTH@ characters and @DEPTH@ levels of calls, a text at most @SEGMENTS@ expressions. A text that an expression makes has
at most @TEXT@ characters, an array at most @ELEMENTS@ elements; JSON nests at most @NESTING@ levels. An evaluation takes at most @STEPS@ steps (an
expression takes 20, and 64 characters or four elements that are made or compared take one).

## Where Headrace decides

The order of texts for `greater` and `less` is that of English dictionaries on three levels (letters, accents, case). A float beyond the range
of doubles is an overflow. `guid` and `rand` are not for secrets. A year lies between 1 and 9999.
"""


def page() -> str:
    """Return the page as Markdown."""
    text = _INTRODUCTION
    for category, title in _CATEGORIES.items():
        rows = [function for function in FUNCTIONS.values() if function.category == category]
        text += f"\n## {title}\n\n"
        if category == "Accessor":
            text += "| function | value |\n|---|---|\n" + "".join(f"| `{row.syntax}` | {row.doc} |\n" for row in rows)
            continue
        text += "| function | meaning | example |\n|---|---|---|\n" + "".join(_row(function) for function in rows)
    limits = {
        "@LENGTH@": f"{MAX_LENGTH:,}",
        "@DEPTH@": str(MAX_DEPTH),
        "@SEGMENTS@": f"{MAX_SEGMENTS:,}",
        "@TEXT@": f"{MAX_TEXT:,}",
        "@ELEMENTS@": f"{MAX_ELEMENTS:,}",
        "@NESTING@": str(MAX_NESTING),
        "@STEPS@": f"{MAX_STEPS:,}",
    }
    ending = _ENDING
    for mark, value in limits.items():
        ending = ending.replace(mark, value)
    return text + ending


def _row(function: Function) -> str:
    return f"| `{function.syntax}` | {function.doc.replace('|', chr(92) + '|')} | {_example(function)} |\n"


def _example(function: Function) -> str:
    if not function.example:
        return ""
    value = evaluate_text(f"@{function.example}", FixedState(instant=_NOW))
    shown = value if isinstance(value, str) and value == value.strip() and value else json_text(value)
    return f"`{function.example}` is `{shown}`".replace("|", "\\|")
