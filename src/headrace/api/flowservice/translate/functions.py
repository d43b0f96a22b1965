"""The tables of the mapping language, out: functions and operators as the service lists them (8.1)."""

from headrace.api.flowservice.wire import Item
from headrace.language.dataprep import FunctionDoc, functions, operators, parameters, returned

_TYPES = {
    "string": "String",
    "boolean": "Boolean",
    "integer": "Integer",
    "long": "Long",
    "double": "Double",
    "number": "Number",
    "date": "Date",
    "array": "Array",
    "object": "Object",
    "map": "Map",
    "lambda": "Lambda",
    "any": "Any",
}


def function_list() -> list[Item]:
    """Return every function, under its name and each of its aliases, as the service lists it."""
    return [_function(name, doc) for doc in functions() for name in (doc.name, *doc.aliases)]


def operator_list() -> list[Item]:
    """Return every operator as the service lists it."""
    return [
        {
            "operatorSymbol": doc.symbol,
            "methodName": doc.method,
            "numberOfOperands": doc.operands,
            "description": doc.description,
            "example": doc.example,
        }
        for doc in operators()
    ]


def _function(name: str, doc: FunctionDoc) -> Item:
    return {
        "category": doc.category,
        "function": name,
        "description": doc.doc,
        "syntax": doc.syntax.replace(doc.name, name, 1),
        "returns": doc.doc,
        "returnType": _TYPES[returned(doc)],
        "example": doc.example.replace(doc.name, name, 1),
        "result": doc.result,
        "params": [
            {
                "name": parameter.name,
                "description": parameter.description + (", any number of them" if parameter.repeats else ""),
                "type": "OPTIONAL" if parameter.optional else "REQUIRED",
                "dataType": _TYPES[parameter.type],
                "position": position,
            }
            for position, parameter in enumerate(parameters(doc))
        ],
        "since": "1.0",
    }
