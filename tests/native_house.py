"""What tests of the operations work with: a ledger, folders, time that stands still, and a desk without doors."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from engine_desk import RandomIds
from fakes import ManualClock
from headrace.core.client import Identity, Role
from headrace.core.errors import Code, Problem
from headrace.core.explore import Check
from headrace.core.job_limits import JobLimits
from headrace.core.native.operation import Asked, Operation, Told
from headrace.dataplane.connectors.egress import Egress
from headrace.dataplane.connectors.web import WebClient
from headrace.dataplane.quarantine import layout
from headrace.dataplane.storage import Roots
from headrace.service.jobs.desk import JobDesk
from headrace.service.native.answering import ask
from headrace.service.native.desk import NativeDesk, Pipelines, PipelineWish
from headrace.service.quarantine import ReplayDesk
from headrace.service.sealing import Sealer
from headrace.service.webhooks import WebhookDesk
from headrace.store.database import Database

ADMIN = Identity("root", Role.ADMIN)
OPERATOR = Identity("op", Role.OPERATOR, ("flowservice/acme", "local", "datafactory/s"))
READER = Identity("reader", Role.READER, ("flowservice/acme",))
STRANGER = Identity("stranger", Role.ADMIN, ("flowservice/nobody",))


@dataclass
class Asking:
    """Stands for the process that looks into sources: remembers what it was asked, and answers with ``problem`` or nothing."""

    asked: list[Any] = field(default_factory=list)
    problem: Problem | None = None

    def __call__(self, question: Any, /) -> Any:
        """Answer."""
        self.asked.append(question)
        if self.problem is not None:
            raise self.problem
        assert isinstance(question, Check)
        return None


@dataclass
class NativeHouse:
    """A desk on a ledger, and what stands behind it."""

    desk: NativeDesk
    clock: ManualClock
    explorer: Asking
    wishes: list[PipelineWish] = field(default_factory=list)

    @property
    def database(self) -> Database:
        """Return the ledger."""
        return self.desk.database

    def ask(
        self, operation: Operation[Asked, Told], asked: Asked, caller: Identity = ADMIN, body: bytes | None = None
    ) -> Told:
        """Return what the operation tells ``caller``."""
        return ask(self.desk, caller, operation, asked, None if body is None else io.BytesIO(body))

    def keep_rejects(self, batch_id: str, *rows: Mapping[str, Any], name: str = "conversion_errors_0") -> Path:
        """Write rejected rows into the quarantine, as a promotion does, and return their file."""
        path = layout.folder_of(self.desk.roots, batch_id) / layout.ROW_ERRORS / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows))
        return path

    def with_desk(self, **changes: Any) -> "NativeHouse":
        """Return the same house with another desk."""
        return replace(self, desk=replace(self.desk, **changes))


def native_house(database: Database, folder: Path) -> NativeHouse:
    """Return a house on ``database`` with its files below ``folder``."""
    clock, ids, sealer, explorer = ManualClock(), RandomIds(), Sealer([b"k" * 32]), Asking()
    roots = Roots(folder / "landing", folder / "lake", folder / "quarantine", folder / "work", ())
    roots.make()
    desk = NativeDesk(
        database=database,
        clock=clock,
        ids=ids,
        sealer=sealer,
        roots=roots,
        outcome_lost=lambda _row: "",
        jobs=JobDesk(database, clock, ids, JobLimits()),
        replays=ReplayDesk(database, roots, clock, ids),
        webhooks=WebhookDesk(
            database, clock, ids, sealer, WebClient(Egress(("127.0.0.1",))), {"flowservice": lambda _event: {}}
        ),
        pipelines=Pipelines(run=_no_pipelines, plan=_no_pipelines),
        explore=explorer,
        version="1.2.3",
    )
    return NativeHouse(desk, clock, explorer)


def _no_pipelines(wish: PipelineWish) -> Any:
    raise Problem(Code.UNSUPPORTED, f"there are no pipelines here: {wish.pipeline}")
