"""Selecting properties and elements."""

import pytest

from headrace.core.codec import Json
from language.datafactory.evaluating import assert_value, refusal_of

NULL = "pipeline().parameters.none"


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("pipeline().parameters.obj.KEY", "V"),
        ("pipeline().parameters.obj['x y']", 1),
        ("pipeline().parameters['OBJ']['key']", "V"),
        ('json(\'{"a":1,"A":2}\').A', 2),
        ('json(\'{"a":1,"A":2}\').a', 1),
        ("pipeline().parameters.arr[2]", 3),
        ("pipeline().parameters.arr[sub(2,1)]", 2),
        ("pipeline().parameters.obj[concat('K','ey')]", "V"),
        ("json('[[1,[2]]]')[0][1][0]", 2),
        ("pipeline().parameters.arr?[2]", 3),
        ("pipeline().parameters.arr?[3]", None),
        ("pipeline().parameters.arr?[-1]", None),
        ("json('[]')?[0]", None),
        ("pipeline().parameters.obj?.nope", None),
        ("pipeline().parameters.obj?['nope']?.x?[0]?['y']", None),
        ("json('{\"É\":1}').é", 1),
        ("json('{\"ß\":1}')?['SS']", None),
        (f"{NULL}?.x", None),
        (f"{NULL}?['x']", None),
        (f"{NULL}?[0]", None),
    ],
)
def test_a_path_leads_to_a_value(expression: str, value: Json) -> None:
    """Names compare without case, the exact one first; ? gives null for what is missing, and on null."""
    assert_value(f"@{expression}", value)


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("pipeline().nope", "property 'nope' doesn't exist, available properties are 'RunId, TriggerType, parameters, globalParameters'."),
        ("item().zz", "property 'zz' doesn't exist, available properties are 'name, n'."),
        ("item()['zz']", "property 'zz' doesn't exist, available properties are 'name, n'."),
        ("json('{}').x", "property 'x' doesn't exist, available properties are ''."),
        (f"{NULL}.x", "property 'x' cannot be selected."),
        (f"{NULL}['x']", "property 'x' cannot be selected."),
        (f"{NULL}[0]", "property '0' cannot be selected."),
        ("item()?.zz.deep", "property 'deep' cannot be selected."),
        ("item().name.x", "property 'x' cannot be selected. Property selection is not supported on values of type 'String'."),
        ("item().name?.x", "property 'x' cannot be selected. Property selection is not supported on values of type 'String'."),
        ("item().name[0]", "property '0' cannot be selected. Property selection is not supported on values of type 'String'."),
        ("item().n?[0]", "property '0' cannot be selected. Property selection is not supported on values of type 'Integer'."),
        ("pipeline().parameters.f.x", "property 'x' cannot be selected. Property selection is not supported on values of type 'Float'."),
        ("pipeline().parameters.b['x']", "property 'x' cannot be selected. Property selection is not supported on values of type 'Boolean'."),
        ("pipeline().parameters.arr.x", "property 'x' cannot be selected. Array elements can only be selected using an integer index."),
        ("pipeline().parameters.arr?['0']", "property '0' cannot be selected. Array elements can only be selected using an integer index."),
        ("pipeline().parameters.arr[1.5]", "property '1.5' cannot be selected. Array elements can only be selected using an integer index."),
        ("pipeline().parameters.obj[0]", "property '0' cannot be selected. Object properties can only be selected by names."),
        ("pipeline().parameters.obj?[0]", "property '0' cannot be selected. Object properties can only be selected by names."),
        ("pipeline().parameters.arr[3]", "array index '3' is outside bounds (0, 2) of array."),
        ("pipeline().parameters.arr[-1]", "array index '-1' is outside bounds (0, 2) of array."),
        ("json('[]')[0]", "array index '0' cannot be selected from empty array."),
    ],
)  # fmt: skip
def test_a_path_that_leads_nowhere_says_why(expression: str, wrong: str) -> None:
    """With the whole expression, also where the path is only a part of it."""
    message = f"The expression '{{}}' cannot be evaluated because {wrong}"
    assert refusal_of(f"@{expression}") == message.format(expression)
    assert refusal_of(f"@concat('a', {expression})") == message.format(f"concat('a', {expression})")
