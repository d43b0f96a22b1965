"""Glue: what a task says reaches the data plane, and what is wrong in it is told by name."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from fakes import ManualClock
from headrace.activities.copy import copy_activity
from headrace.activities.promote import Promoting, landing_of, promote_activity
from headrace.core.codec import Json
from headrace.core.errors import Code, Problem
from headrace.core.mapping import MappingLanguage
from headrace.core.outcome import Figures
from headrace.core.task import Cancellation, Task
from headrace.dataplane.connectors.connection import ConnectionInfo
from headrace.dataplane.limits import Limits
from headrace.dataplane.storage import Roots
from headrace.language import dataprep


@dataclass
class Quiet:
    """A context that nobody listens to."""

    cancellation: Cancellation = field(default_factory=Cancellation)

    def progress(self, figures: Figures) -> None:
        """Take the figures."""


def _roots(folder: Path, *file_roots: Path) -> Roots:
    roots = Roots(folder / "landing", folder / "lake", folder / "quarantine", folder / "work", file_roots)
    roots.make()
    return roots


def _task(kind: str, settings: Mapping[str, Json], inputs: Mapping[str, Mapping[str, Json]] | None = None) -> Task:
    return Task("local", "f", "r", "r", kind, 1, 1, kind, settings, "key", inputs=inputs or {})


def _no_connection(scope: str, connection_id: str) -> ConnectionInfo:
    raise Problem(Code.NOT_FOUND, f"there is no connection {connection_id!r} in {scope}")


def _promoting(roots: Roots) -> Promoting:
    language = MappingLanguage(dataprep.compile_expression, dataprep.cast_sql)
    return Promoting(roots, Limits(), language, lambda _task: "01HEADRACE0000000000000000")


def test_a_copy_keeps_to_the_folders_of_its_scope(tmp_path: Path) -> None:
    """Which folders may be read follows from the scope of the task, whoever's process does it."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("id\n1\n")
    allowed = {"local": _roots(tmp_path, tmp_path / "data"), "tenant": _roots(tmp_path, tmp_path / "other")}
    act = copy_activity(allowed.__getitem__, Limits(), ManualClock(), _no_connection)
    settings: Mapping[str, Json] = {"source": {"kind": "files", "root": f"file://{tmp_path}/data", "path": "a.csv"}}
    task = _task("copy", settings)
    assert act(task, Quiet()).failure is None
    denied = act(Task("tenant", "f", "r2", "r2", "copy", 1, 1, "copy", settings, "key"), Quiet())
    assert denied.failure is not None
    assert denied.failure.code is Code.SOURCE_DENIED


def test_a_promotion_without_a_landing_says_whose_is_missing() -> None:
    """A plan that forgot the dependency is told which activity to depend on."""
    with pytest.raises(Problem, match="landing of 'Copy'") as caught:
        landing_of(None, "Copy", "activity 'Promote'")
    assert caught.value.code is Code.INVALID


def test_wrong_settings_are_told_with_the_activity_and_every_field(tmp_path: Path) -> None:
    """Whoever wrote the plan finds all mistakes at once."""
    settings: Mapping[str, Json] = {"landing": "Copy", "target": {"kind": "delta", "tabel": "t"}, "mapping": 1}
    with pytest.raises(Problem, match="'promote'") as caught:
        promote_activity(_promoting(_roots(tmp_path)))(_task("promote", settings), Quiet())
    assert {error.path for error in caught.value.fields} == {"target.tabel", "target.table", "mapping"}


def test_an_empty_landing_leaves_the_target_alone(tmp_path: Path) -> None:
    """An empty window promotes nothing and makes no batch (dlt#3998: an empty delta truncated the target)."""
    settings: Mapping[str, Json] = {"landing": "Copy", "target": {"kind": "delta", "table": "t", "mode": "overwrite"}}
    task = _task("promote", settings, {"Copy": {"landing": {"files": []}}})
    outcome = promote_activity(_promoting(_roots(tmp_path)))(task, Quiet())
    assert (outcome.failure, outcome.batch, outcome.figures.rows_read) == (None, None, 0)
    assert list((tmp_path / "lake").iterdir()) == []
