"""Blueprints out of the configurations that clients send for their sheets (jobs contract 12.3 and 12.4)."""

from collections.abc import Iterator, Mapping

from headrace.core.blueprint import Blueprint, FieldKind, FieldSpec, Option, Reference, Required, Unique
from headrace.core.codec import Json
from headrace.core.record import Level
from headrace.core.shapes import Shapes, without_nulls

MAX_KEY = 255
"""Characters of a field's key."""
MAX_CONSTRAINTS = 10
"""Of one field."""
MAX_OPTIONS = 10_000
"""Of one enum."""

_KINDS = tuple(kind.value for kind in FieldKind)
_LEVELS = [level.value for level in Level]
_CONSTRAINTS = ("required", "unique", "computed", "external", "stored")
_SHEET_CONSTRAINTS = ("unique", "external")
_ACTION_CONSTRAINTS = ("hasAllValid", "hasSelection", "hasData", "hasColumnEnabled")
_MOUNTS = ("sheet", "workbook", "field", "document", "file")
_ENUMS = (FieldKind.ENUM, FieldKind.ENUM_LIST)
_REFERENCES = (FieldKind.REFERENCE, FieldKind.REFERENCE_LIST)
# So that no constraint of a sheet has the name of a field's.
_OF_SHEET = "\x1f"


def read_blueprint(raw: Mapping[str, Json], path: str = "") -> Blueprint:
    """Return the blueprint of a configuration; ``raw`` of it is without nulls, and always has ``name`` and ``slug``.

    ``path``: where the configuration stands in what was sent (``sheets[2].``).

    Raises:
        Problem: ``INVALID``: all that is wrong, each with its path.
    """
    shapes = Shapes()
    blueprint = blueprint_with(shapes, raw, path)
    shapes.finish("the configuration of the sheet")
    return blueprint


def blueprint_with(shapes: Shapes, raw: Mapping[str, Json], path: str) -> Blueprint:
    """Return the blueprint as ``read_blueprint`` does; what is wrong goes to ``shapes``, and the blueprint is of no use then."""
    name = shapes.text(raw, "name", path, required=True) or ""
    slug = shapes.text(raw, "slug", path) or default_slug(name)
    for flag in ("readonly", "allowAdditionalFields"):
        shapes.flag(raw, flag, path)
    shapes.text(raw, "description", path)
    shapes.texts(raw, "access", path)
    check_actions(shapes, raw, path)
    threshold = raw.get("mappingConfidenceThreshold")
    if threshold is not None and not (_is_number(threshold) and 0 < float(str(threshold)) <= 1):
        shapes.wrong(f"{path}mappingConfidenceThreshold", "must be a number above 0 and up to 1")
    fields: dict[str, FieldSpec] = {}
    for where, item in shapes.objects(raw, "fields", path, required=True):
        spec = field_with(shapes, item, where)
        if spec.key in fields:
            shapes.wrong(f"{where}key", f"there are several fields with key {spec.key!r}")
        elif spec.key:
            fields[spec.key] = spec
    uniques = [spec.unique for spec in fields.values() if spec.unique is not None]
    uniques.extend(_sheet_uniques(shapes, raw, path, fields))
    kept = {**without_nulls(raw), "name": name, "slug": slug, "fields": [dict(spec.raw) for spec in fields.values()]}
    return Blueprint(tuple(fields.values()), tuple(uniques), kept)


def field_with(shapes: Shapes, raw: Mapping[str, Json], path: str) -> FieldSpec:
    """Return one field; what is wrong goes to ``shapes``, and the field is of no use then."""
    key = shapes.text(raw, "key", path, required=True) or ""
    if len(key) > MAX_KEY:
        shapes.wrong(f"{path}key", f"key has {len(key)} characters, {MAX_KEY} are allowed")
    kind = FieldKind(_check_type(shapes, raw, path, _KINDS) or FieldKind.STRING)
    shapes.text(raw, "description", path)
    shapes.texts(raw, "treatments", path)
    shapes.object(raw, "appearance", path)
    check_actions(shapes, raw, path)
    config = shapes.object(raw, "config", path)
    rules = _constraints(shapes, raw, path, key)
    return FieldSpec(
        key=key,
        kind=kind,
        label=shapes.text(raw, "label", path) or key,
        raw=without_nulls(raw),
        required=rules[0],
        unique=rules[1],
        computed=rules[2],
        options=tuple(_options(shapes, config, f"{path}config")) if kind in _ENUMS else (),
        reference=_reference(shapes, config, f"{path}config") if kind in _REFERENCES else None,
        decimal_places=_number_config(shapes, kind, config, f"{path}config."),
        alternatives=shapes.texts(raw, "alternativeNames", path),
        readonly=bool(shapes.flag(raw, "readonly", path)),
    )


def check_actions(shapes: Shapes, raw: Mapping[str, Json], path: str = "") -> None:
    """Look whether ``actions`` of ``raw`` are actions."""
    for where, action in shapes.objects(raw, "actions", path):
        check_action(shapes, action, where)


def check_action(shapes: Shapes, raw: Mapping[str, Json], path: str = "", *, changes: bool = False) -> None:
    """Look whether ``raw`` is an action (``changes``: or some of one); whatever else it has is nobody's concern here."""
    shapes.text(raw, "label", path, required=not changes or "label" in raw)
    for name in ("operation", "description", "tooltip", "mode", "schedule"):
        shapes.text(raw, name, path)
    for name in ("primary", "confirm"):
        shapes.flag(raw, name, path)
    for where, constraint in shapes.objects(raw, "constraints", path):
        _check_type(shapes, constraint, where, _ACTION_CONSTRAINTS)
    for where, message in shapes.objects(raw, "messages", path):
        shapes.text(message, "type", where, required=True)
        shapes.text(message, "content", where, required=True)
    mount = shapes.object(raw, "mount", path)
    if mount is not None:
        _check_type(shapes, mount, f"{path}mount.", _MOUNTS)
    guardrail = shapes.object(raw, "guardrail", path)
    if guardrail is not None:
        shapes.text(guardrail, "content", f"{path}guardrail.", required=True)
    form = shapes.object(raw, "inputForm", path)
    if form is not None:
        _check_form(shapes, form, f"{path}inputForm.")


def default_slug(name: str) -> str:
    """Return the slug of a sheet that was given none: its name without punctuation, with ``-`` for blanks."""
    kept = "".join(letter for letter in name if letter.isalnum() or letter.isspace() or letter in "-_")
    return "-".join(kept.split()) or "sheet"


def _check_form(shapes: Shapes, form: Mapping[str, Json], path: str) -> None:
    shapes.text(form, "type", path, required=True)
    for where, item in shapes.objects(form, "fields", path, required=True):
        for name in ("key", "label", "type"):
            shapes.text(item, name, where, required=True)
        config = shapes.object(item, "config", where)
        if config is not None:
            shapes.objects(config, "options", f"{where}config.", required=True)


def _check_type(shapes: Shapes, raw: Mapping[str, Json], path: str, known: tuple[str, ...]) -> str | None:
    if raw.get("type") is None:
        shapes.wrong(f"{path}type", "type is required")
    return shapes.one_of(raw, "type", known, path)


def _constraints(
    shapes: Shapes, raw: Mapping[str, Json], path: str, key: str
) -> tuple[Required | None, Unique | None, bool]:
    required, unique, computed = None, None, False
    constraints = shapes.objects(raw, "constraints", path)
    if len(constraints) > MAX_CONSTRAINTS:
        shapes.wrong(f"{path}constraints", f"there are {len(constraints)} constraints, {MAX_CONSTRAINTS} are allowed")
    for where, constraint in constraints:
        kind = _check_type(shapes, constraint, where, _CONSTRAINTS)
        config = shapes.object(constraint, "config", where) or {}
        message, level = (
            _told(shapes, config, f"{where}config.") if kind in {"required", "unique"} else (None, Level.ERROR)
        )
        match kind:
            case "required":
                required = Required(message, level)
            case "unique":
                sensitive = shapes.flag(config, "caseSensitive", f"{where}config.")
                empty = shapes.flag(config, "ignoreEmpty", f"{where}config.")
                unique = Unique(key, (key,), sensitive is not False, empty is not False, (), message, level)
            case "computed":
                computed = True
            case "external" | "stored":
                shapes.text(constraint, "validator", where, required=True)
    return required, unique, computed


def _sheet_uniques(
    shapes: Shapes, raw: Mapping[str, Json], path: str, fields: Mapping[str, FieldSpec]
) -> Iterator[Unique]:
    seen = set()
    for where, constraint in shapes.objects(raw, "constraints", path):
        kind = _check_type(shapes, constraint, where, _SHEET_CONSTRAINTS)
        if kind == "external":
            shapes.text(constraint, "validator", where, required=True)
        if kind != "unique":
            continue
        name = shapes.text(constraint, "name", where, required=True) or ""
        if name in seen:
            shapes.wrong(f"{where}name", f"there are several constraints with name {name!r}")
        seen.add(name)
        shapes.one_of(constraint, "strategy", ("concat", "hash"), where)
        keys = shapes.texts(constraint, "fields", where, required=True)
        if not keys:
            shapes.wrong(f"{where}fields", "fields must name at least one field")
        needed = shapes.texts(constraint, "requiredFields", where)
        for key in (*keys, *needed):
            if key not in fields:
                shapes.wrong(f"{where}fields", f"the sheet has no field {key!r}")
        message, level = _told(shapes, shapes.object(constraint, "config", where) or {}, f"{where}config.")
        yield Unique(_OF_SHEET + name, keys, required=needed, message=message, level=level)


def _told(shapes: Shapes, config: Mapping[str, Json], path: str) -> tuple[str | None, Level]:
    level = shapes.one_of(config, "level", _LEVELS, path)
    return shapes.text(config, "message", path), Level(level or Level.ERROR)


def _options(shapes: Shapes, config: Mapping[str, Json] | None, path: str) -> Iterator[Option]:
    if config is None:
        shapes.wrong(path, "config with options is required")
        return
    options = shapes.objects(config, "options", f"{path}.", required=True)
    if len(options) > MAX_OPTIONS:
        shapes.wrong(f"{path}.options", f"there are {len(options)} options, {MAX_OPTIONS} are allowed")
    for where, option in options[:MAX_OPTIONS]:
        value = option.get("value")
        if not isinstance(value, str | int | float):
            shapes.wrong(f"{where}value", "value must be a string, a number, or true or false")
            continue
        yield Option(value, shapes.text(option, "label", where), shapes.texts(option, "alternativeNames", where))


def _reference(shapes: Shapes, config: Mapping[str, Json] | None, path: str) -> Reference | None:
    if config is None:
        shapes.wrong(path, "config with ref and key is required")
        return None
    sheet = shapes.text(config, "ref", f"{path}.", required=True) or ""
    key = shapes.text(config, "key", f"{path}.", required=True) or ""
    shapes.one_of(config, "relationship", ("has-one", "has-many"), f"{path}.")
    equal = shapes.object(config, "filter", f"{path}.")
    if equal is None:
        return Reference(sheet, key)
    theirs = shapes.text(equal, "refField", f"{path}.filter.", required=True) or ""
    ours = shapes.text(equal, "recordField", f"{path}.filter.", required=True) or ""
    return Reference(sheet, key, (theirs, ours))


def _number_config(shapes: Shapes, kind: FieldKind, config: Mapping[str, Json] | None, path: str) -> int | None:
    if kind is FieldKind.BOOLEAN and config is not None:
        shapes.flag(config, "allowIndeterminate", path)
        # A strict client refuses every answer that has such a field without it.
        if config.get("allowIndeterminate") is None:
            shapes.wrong(f"{path}allowIndeterminate", "allowIndeterminate is required")
    return shapes.whole(config or {}, "decimalPlaces", path) if kind is FieldKind.NUMBER else None


def _is_number(value: Json) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
