"""The house rules that a machine can keep."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src" / "headrace"
MODULES = sorted(path for path in SOURCE.rglob("*.py") if "migrations/versions" not in path.as_posix())
MAX_FILE_LINES = 500
MAX_FUNCTION_LINES = 70


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def _imports(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return []


def test_no_file_is_longer_than_a_newcomer_reads_at_once() -> None:
    """A file over 500 lines has grown past its noun."""
    sizes = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: size for name, size in sizes.items() if size > MAX_FILE_LINES} == {}


def test_no_function_is_longer_than_a_screen() -> None:
    """A function over 70 lines does more than its name says."""
    long = {
        f"{_name(path)}:{function.name}": function.end_lineno - function.lineno + 1
        for path in MODULES
        for function in _functions(_tree(path))
        if function.end_lineno is not None and function.end_lineno - function.lineno + 1 > MAX_FUNCTION_LINES
    }
    assert long == {}


def test_no_module_is_a_drawer_for_anything() -> None:
    """A function goes to the noun that it serves, not to utils, common, helpers, base or misc."""
    drawers = re.compile(r"^_?(utils?|commons?|helpers?|base|misc|shared)$")
    assert [_name(path) for path in MODULES if drawers.match(path.stem) or drawers.match(path.parent.name)] == []


def test_no_import_hides_from_the_floors() -> None:
    """Imports under TYPE_CHECKING would hide a circle; inside functions only the command line may import, to start fast."""
    hidden = []
    for path in MODULES:
        text = path.read_text(encoding="utf-8")
        if "TYPE_CHECKING" in text:
            hidden.append(f"{_name(path)}: TYPE_CHECKING")
        if path.is_relative_to(SOURCE / "cli"):
            continue
        hidden += [
            f"{_name(path)}:{node.lineno}: {', '.join(_imports(node))}"
            for function in _functions(_tree(path))
            for node in ast.walk(function)
            if isinstance(node, ast.Import | ast.ImportFrom) and any(n.startswith("headrace") for n in _imports(node))
        ]
    assert hidden == []


@pytest.mark.parametrize(
    ("library", "allowed"),
    [
        ("dbos", ("engine/", "store/queue.py", "store/queue/")),
        ("sqlalchemy", ("store/",)),
        ("alembic", ("store/",)),
        ("duckdb", ("dataplane/",)),
        ("deltalake", ("dataplane/",)),
        ("typer", ("cli/",)),
        ("yaml", ("flowfile/", "api/flowservice/document.py", "api/datafactory/document.py", "api/jobs/document.py")),
    ],
)
def test_a_library_stays_in_its_room(library: str, allowed: tuple[str, ...]) -> None:
    """A library is imported on its own floor only, so that it can be replaced there."""
    users = {
        path.relative_to(SOURCE).as_posix()
        for path in MODULES
        for node in ast.walk(_tree(path))
        if any(name == library or name.startswith(library + ".") for name in _imports(node))
    }
    assert {user for user in users if not user.startswith(allowed)} == set()


def test_nothing_is_left_open() -> None:
    """What is called done has no open ends in it."""
    open_end = re.compile(r"\b(TODO|FIXME|XXX|NotImplementedError)\b")
    found = [
        f"{_name(path)}:{number}"
        for path in MODULES
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if open_end.search(line)
    ]
    assert found == []


def test_only_the_configuration_reads_the_environment() -> None:
    """Settings come in as arguments; one module reads the environment."""
    reader = re.compile(r"\bos\.(environ|getenv)\b")
    allowed = {"src/headrace/config/reading.py"}
    found = {_name(path) for path in MODULES if reader.search(path.read_text(encoding="utf-8"))}
    assert found - allowed == set()


def test_every_exception_from_a_rule_is_argued() -> None:
    """A silenced rule says in its line why it is wrong here."""
    silenced = re.compile(r"#\s*(noqa(?::\s*[A-Z0-9, ]+)?|type:\s*ignore(?:\[[^\]]*\])?)(.*)$")
    bare = [
        f"{_name(path)}:{number}"
        for path in [*MODULES, *sorted((ROOT / "tests").rglob("*.py"))]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if (match := silenced.search(line)) and len(match[2].strip(" #—-")) < 8 and path.name != "test_shape.py"
    ]
    assert bare == []


def test_tests_do_not_sleep() -> None:
    """Tests wait on signals or on a condition with a deadline, in one place, not on time."""
    sleeper = re.compile(r"\btime\.sleep\(")
    allowed = {"tests/waiting.py", "tests/shape/test_shape.py"}
    found = {_name(path) for path in (ROOT / "tests").rglob("*.py") if sleeper.search(path.read_text(encoding="utf-8"))}
    assert found - allowed == set()


def test_nothing_needs_the_shared_folder() -> None:
    """The project stands alone: no test and no module reads the folder beside it."""
    outside = re.compile(r"\.\./shared|/work/")
    found = [
        _name(path)
        for folder in ("src", "tests", "examples", "scripts", "bench", ".ci")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file() and path.suffix in {".py", ".sh", ".yaml", ".toml", ""} and path.name != "test_shape.py"
        if outside.search(path.read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []
