"""The reference page of the language, written from the tables that the compiler itself reads.

``docs/reference/dataprep.md`` is the output of ``page()``; a test holds the two together. To write it again::

    python -c 'from headrace.language.dataprep.reference import page; print(page(), end="")' > docs/reference/dataprep.md
"""

from typing import Final

from headrace.language.dataprep.catalogue import functions
from headrace.language.dataprep.parser import MAX_DEPTH, MAX_LENGTH, MAX_NODES
from headrace.language.dataprep.table import FunctionDoc
from headrace.language.dataprep.texts import MAX_GROWTH, MAX_PADDING
from headrace.language.dataprep.tokens import RESERVED

_CATEGORIES: Final = {
    "string": "Text",
    "logical": "Choosing and comparing",
    "coalescing": "Null and coalescing",
    "conversion": "Conversion to numbers",
    "date and time": "Date and time",
    "digest": "Digests and identifiers",
    "url": "URLs",
    "object": "Objects",
    "map": "Maps",
    "list": "Lists",
    "user agent": "User agents",
    "analytics": "Analytics strings",
}

_INTRODUCTION: Final = """# Expressions of mappings (dataprep)

<!-- Written by headrace.language.dataprep.reference.page(); change the tables there, not this page. -->

An expression computes one target column from the columns of a source row. It is compiled to DuckDB SQL before the first row is
read: an unknown column or function, a wrong number of arguments, and types that cannot fit are refused then, with the place in the
expression. What cannot be evaluated for a single row (a text that is no number, a division by zero) is a **transform error**: it makes
that column null, is counted as a warning, and never stops a run. A row is rejected only where the target's schema says so.

## Values and names

- Text in `"…"` or `'…'`; a backslash escapes quotes, and `\\n`, `\\t`, `\\r`, `\\b`, `\\f`, `\\uXXXX` have their usual meaning. A backslash before
  any other letter or digit stays, so `"\\d+"` is a regular expression as it stands.
- Whole numbers (`12`, 64 bits), numbers with a point or exponent (`1.5`, `2e3`, double), `true`, `false`, `null`, lists (`[1, "a"]`),
  objects (`{"a": 1}`).
- A name is a column, case-sensitive; it begins with a letter, `$` or `_`. Any other name stands in `${…}`: `${First Name}`. A dot reaches into
  an object (`address.street`); a dot that belongs to the name is escaped (`street\\.name`). A column that has the whole dotted name comes first.
- `list[0]` is the first element; behind the last one is null. `object["key"]` and `object.get("key")` take a field.
- `list[*].name` is the list of a field of every element; `transformArray(list, x -> …)` and `filterArray(list, x -> …)` compute one.
- Objects have a known shape where their keys are written down or the source knows their columns: a field that they cannot have is refused
  before the run. Other objects, maps, and whatever was read from JSON show their kinds at run time: a field that is missing there is null, and
  what does not do with a value (a sum with a list, the order of a text and a number) is a transform error.
- These words need `${…}` as column names: @RESERVED@.

## Operators

From loose to tight:

| operator | meaning |
|---|---|
| `c ? a : b` | a where c holds, else b; only the chosen value is evaluated |
| `a ?: b` | a where it is neither null, false, 0 nor empty, else b |
| `a ?? b` | a where it is not null, else b |
| `\\|\\|` `or`, `&&` `and` | the right side is evaluated only where the left one does not decide; null counts as false |
| `\\|` `^` `&` | bits of whole numbers |
| `==` `eq`, `!=` `ne` | equality; null equals null only |
| `<` `lt`, `<=` `le`, `>` `gt`, `>=` `ge` | order; false where a side is null |
| `+` `-` | sum and difference; with a text, `+` concatenates |
| `*` `/` `div` `%` `mod` | product, quotient, remainder |
| `-x` `~x` `!x` `not x` | negation, complement of bits, not |

- Arithmetic with null is null. Whole numbers stay whole: `7 / 2` is 3, `7.0 / 2` is 3.5. Division by zero, and a result outside of the range of
  its type, are transform errors.
- Text in arithmetic is read as a number (double). Text compared with a number, a boolean or a date is read as one; with two
  texts, the texts are compared. So `a + b` of two text columns concatenates: write `to_integer(a) + to_integer(b)`.
- A condition is a boolean, or text of the list under *Conversions*.

## Functions

Null in, null out, unless a function says otherwise. An argument is converted to the type that the function takes. Positions and
lengths count characters (Unicode code points), from 0. Arguments in brackets may be left out.
"""

_ENDING: Final = """
## Conversions

A value that is mapped to a column of another type, or given to a function, is converted:

| from | to | rule |
|---|---|---|
| text | boolean | `y yes on true` and `n no off false`, in any case |
| text | number | plain decimal notation: a sign, digits, a point; white space around it is ignored; no exponent, no separators, no `inf` |
| text | whole number | as above; a fraction must be zeros (`7.0` is 7) |
| text | decimal(p,s) | as above; digits behind the s-th must be zeros |
| text | date, timestamp | the first of the forms below that fits; no zone means UTC |
| text | time, uuid, json | `HH:mm[:ss[.ffffff]]`; 8-4-4-4-12 hexadecimal digits; valid JSON |
| number | number | where the value fits; a fraction does not become a whole number |
| whole number | timestamp, date | milliseconds since 1970 |
| date | timestamp | midnight UTC |
| timestamp | date | the date in UTC |
| number, date, timestamp, time, uuid | text | digits; ISO 8601 (`2020-01-02T03:04:05.6Z`) |
| object, map | object | field by field, by name; a field that is missing is null, others are left out |
| list | list | element by element |
| value out of JSON | any other | as the text, number, boolean, object or list that it is |
| object, list, anything | json | as JSON; dates and times in ISO 8601, binary in base64 |

One field or element that does not convert fails the whole. Booleans, objects and lists convert to nothing else (`iif(b, "true", "false")`,
`join(",", list)`).

Forms of dates: `yyyy-MM-dd HH:mm:ssZ`, `yyyy-MM-dd HH:mm:ss.SSSZ`, `yyyy-MM-dd HH:mm:ss.SSS`, `yyyy-MM-dd'T'HH:mm:ss.SSSX`,
`yyyy-MM-dd'T'HH:mm:ss'Z'`, `yyyy-MM-dd`, `yyyy/MM/dd`, `yyyy.MM.dd`, `yyyy-MMM-dd`, `yyyyMMdd`, `MM-dd-yyyy`, `MMddyyyy`, `M/dd/yyyy`, `dd.M.yyyy`,
`M/dd/yyyy hh:mm:ss a`, `dd.M.yyyy hh:mm:ss a`, `dd.MMM.yyyy`, `dd-MMM-yyyy`, then ISO 8601 (seconds, fraction and offset may be left out; basic,
ordinal and week dates) and `yyyy-MM-dd HH:mm[:ss]`. Month names are English. Years are 0001 to 9999.

Patterns of `date`, `format` and `dformat` have Java's letters `G y Y M L w W D d F E u a H k K h m s S z Z X V O Q q`; `'…'` quotes text. Weeks are
ISO weeks. Reading takes `y u M L d E H h m s S a G Z X` (an offset only at the end, `z` and `V` only as UTC), and is strict: `dd` is two digits,
`d` one or two. Where daylight saving repeats an hour, the later one is meant; an hour that it leaves out is moved on.

## Limits

User agents are looked at up to their 1,024th character. What is known of browsers and systems comes from the regular expressions of ua-parser;
classes of devices from a list of our own, which does not tell Robot Imitators.

An expression has at most @LENGTH@ characters, @DEPTH@ levels and @NODES@ parts. `lpad` and `rpad` fill up to @PADDING@ characters; a text
that `replacestr` or `join` could let grow beyond @GROWTH@ MiB is a transform error. Regular expressions and patterns of dates are
texts in quotes, checked when the expression is compiled; regular expressions have RE2's syntax (no look-around, no back
references), so they match in linear time.
"""


def page() -> str:
    """Return the page as Markdown."""
    text = _INTRODUCTION.replace("@RESERVED@", " ".join(f"`{word}`" for word in sorted(RESERVED)))
    docs = functions()
    for category, title in _CATEGORIES.items():
        rows = [doc for doc in docs if doc.category == category]
        text += f"\n### {title}\n\n| function | meaning | example |\n|---|---|---|\n" + "".join(
            _row(doc) for doc in rows
        )
    limits = {
        "@LENGTH@": MAX_LENGTH,
        "@DEPTH@": MAX_DEPTH,
        "@NODES@": MAX_NODES,
        "@PADDING@": MAX_PADDING,
        "@GROWTH@": MAX_GROWTH // 1024**2,
    }
    ending = _ENDING
    for mark, value in limits.items():
        ending = ending.replace(mark, str(value))
    return text + ending


def _row(doc: FunctionDoc) -> str:
    syntax = doc.syntax.replace("|", "\\|")
    names = "".join(f", `{alias}`" for alias in doc.aliases)
    example = f"`{doc.example}` is {_shown(doc)}".replace("|", "\\|")
    return f"| `{syntax}`{names} | {doc.doc.replace('|', chr(92) + '|')} | {example} |\n"


def _shown(doc: FunctionDoc) -> str:
    return doc.result if doc.result.startswith(("the ", "a random")) else f"`{doc.result}`"
