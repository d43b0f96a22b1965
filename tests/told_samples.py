"""What operations tell, made up: pages are rendered from it, with whatever text is to stand wherever data can bring one."""

from headrace.core.client import Role
from headrace.core.clock import DAY, HOUR, MINUTE, SECOND, Instant
from headrace.core.codec import Json
from headrace.core.native.flows import FlowLine, FlowList, FlowView, ScheduleLine, ScheduleList, Square
from headrace.core.native.installation import (
    AuditLine,
    AuditList,
    ClientLine,
    ClientList,
    KeyLine,
    KeyList,
    WorkerLine,
    WorkerList,
)
from headrace.core.native.places import (
    ConnectionLine,
    ConnectionList,
    ConnectionView,
    DeliveryLine,
    DeliveryList,
    DeliveryTry,
    WebhookLine,
    WebhookList,
)
from headrace.core.native.quarantine import (
    QuarantineLine,
    QuarantineList,
    QuarantineView,
    RejectLine,
    RejectList,
    RowReason,
)
from headrace.core.native.runs import BatchLine
from headrace.core.outcome import Figures, ReasonCount
from headrace.core.run import BatchStatus, RunStatus

NOW = Instant(1_790_000_000 * SECOND)
HOSTILE = "<img src=x onerror=alert(1)>'\"&</td></script><script>alert(1)</script>{{7*7}}"
"""Whatever it is put into, a page has to show it as it stands here."""
_RUN = "5f0c1e9a-77aa-4c39-9d2b-0c8a6a3d{:04d}"


def squares(count: int = 60) -> tuple[Square, ...]:
    """Return a history with all that can be in one."""
    found = []
    for number in range(count):
        status = (
            RunStatus.FAILED if number % 11 == 7 else RunStatus.CANCELLED if number % 29 == 5 else RunStatus.SUCCEEDED
        )
        start = Instant(NOW - (count - number) * HOUR)
        done = status is RunStatus.SUCCEEDED
        figures = Figures(
            rows_accepted=40_000 + number * number * 17 % 23_000, rows_rejected=number % 7 * 900 if number % 3 else 0
        )
        took = (40 + number * 37 % 50 + (90 if number % 17 == 3 else 0)) * SECOND
        ended = Instant(start + took)
        if number == count - 1:
            status, done, ended = RunStatus.RUNNING, False, None  # type: ignore[assignment]  # the newest one goes on
        found.append(
            Square(
                run=_RUN.format(number),
                status=status,
                created_at=start,
                started_at=start,
                ended_at=ended,
                figures=figures if done else Figures(),
            )
        )
    return tuple(found)


def flow_line(text: str = "flights", **other: object) -> FlowLine:
    """Return a flow of a list."""
    given: dict[str, object] = {
        "id": "0e6c7d1a-4f1c-4d6d-a9c2-1fd3a1b9a001",
        "scope": "flowservice/acme/prod",
        "name": text,
        "enabled": True,
        "activities": 2,
        "last": squares()[-25:],
        "success_rate": 0.92,
        "next_at": Instant(NOW + 35 * MINUTE),
        "starts": "every hour",
        "verbs": ("run", "pause"),
    }
    return FlowLine(**{**given, **other})  # type: ignore[arg-type]  # members by name


def flow_list(text: str = "flights") -> FlowList:
    """Return a page of flows."""
    return FlowList(
        items=(
            flow_line(text),
            flow_line(f"{text} by day", id="f2", starts=text, paused=True, verbs=("run", "resume"), last=squares(9)),
            flow_line(
                f"{text} never", id="f3", last=(), success_rate=None, next_at=None, starts="", enabled=False, verbs=()
            ),
        ),
        next="more",
    )


def flow_view(text: str = "flights", history: int = 60) -> FlowView:
    """Return a flow in full."""
    parameters: dict[str, Json] = {
        "day": "2026-01-01" if text == "flights" else text,
        "limit": 100,
        "share": 0.25,
        "full": False,
        "tables": ["flights", text],
        "since": None,
    }
    return FlowView(
        line=flow_line(text, last=squares(history)[-25:]),
        history=squares(history),
        parameters=parameters,
        definition={"activities": [{"name": "copy", "kind": "copy", "settings": {"path": text}}]},
        watermark=Instant(NOW - 2 * HOUR),
        created_at=Instant(NOW - 90 * DAY),
        updated_at=Instant(NOW - 3 * DAY),
        schedules=(schedule_line(text),),
    )


def schedule_line(text: str = "hourly", **other: object) -> ScheduleLine:
    """Return a schedule."""
    given: dict[str, object] = {
        "id": "s1",
        "scope": "flowservice/acme/prod",
        "name": text,
        "kind": "schedule",
        "words": "every hour",
        "state": "started",
        "flows": ("flights",),
        "next_at": Instant(NOW + 35 * MINUTE),
        "last_run": _RUN.format(59),
        "verbs": ("pause",),
    }
    return ScheduleLine(**{**given, **other})  # type: ignore[arg-type]  # members by name


def schedule_list(text: str = "hourly") -> ScheduleList:
    """Return a page of schedules."""
    scope = "datafactory/s1/group/factory"
    return ScheduleList(
        items=(
            schedule_line(text),
            schedule_line(
                "window",
                id="s2",
                scope=scope,
                kind="TumblingWindowTrigger",
                words=text,
                problem=f"no such pipeline: {text}",
            ),
            schedule_line(
                "arrivals",
                id="s3",
                scope=scope,
                kind="BlobEventsTrigger",
                words="when a file arrives",
                state="paused",
                next_at=None,
                last_run=None,
                verbs=("resume",),
                flows=("a", text),
            ),
        )
    )


def batch_line(text: str = "lake/flights", **other: object) -> BatchLine:
    """Return a batch with rejects."""
    given: dict[str, object] = {
        "id": "01KB3V8Q6T4Z9M2N7P5R1S0XYA",
        "run_id": _RUN.format(1),
        "activity": "promote",
        "table": text,
        "status": BatchStatus.COMMITTED,
        "created_at": Instant(NOW - 3 * HOUR),
        "version": 12,
        "figures": Figures(rows_read=52_000, rows_accepted=50_712, rows_rejected=1288, rows_skipped=0),
        "rejects": reasons(text),
        "rejects_left": 1204,
    }
    return BatchLine(**{**given, **other})  # type: ignore[arg-type]  # members by name


def reasons(text: str = "dep_time") -> tuple[ReasonCount, ...]:
    """Return rejects by code and column."""
    column = "dep_time" if text == "lake/flights" else text
    return (
        ReasonCount("type", column, 803, f"'{text}' cannot become a time"),
        ReasonCount("required", "carrier", 390, "is null, and required"),
        ReasonCount("unreadable", None, 95, "12 columns were expected, 14 came"),
    )


def quarantine_list(text: str = "lake/flights") -> QuarantineList:
    """Return a page of batches."""
    scope = "flowservice/acme/prod"
    name = "flights" if text == "lake/flights" else text
    return QuarantineList(
        items=(
            QuarantineLine(batch=batch_line(text), scope=scope, flow=name, flow_id="f1"),
            QuarantineLine(
                batch=batch_line(text, id="01KB3V8Q6T4Z9M2N7P5R1S0XYB", rejects_left=0),
                scope=scope,
                flow="planes",
                flow_id="f2",
            ),
        ),
        next="more",
    )


def quarantine_view(text: str = "lake/flights", **other: object) -> QuarantineView:
    """Return a batch's rejects by reason."""
    given: dict[str, object] = {
        "line": quarantine_list(text).items[0],
        "reasons": reasons(text),
        "rejected": 1288,
        "left": 1204,
        "kept": 1288,
        "replays": (batch_line(text, id="01KB3V8Q6T4Z9M2N7P5R1S0XYC", run_id=_RUN.format(3)),),
        "can_replay": True,
    }
    return QuarantineView(**{**given, **other})  # type: ignore[arg-type]  # members by name


def reject_list(text: str = "25:77", wide: int = 0) -> RejectList:
    """Return rejected rows with all that can be in them; with ``wide`` further columns."""
    more: dict[str, Json] = {f"column_{number:03d}": number * 31 % 97 for number in range(wide)}
    file = "landing/2026-01-01/flights.csv" if text == "25:77" else text
    name = "dep_time" if text == "25:77" else text
    first: dict[str, Json] = {"carrier": "UA", "flight": 1545, "origin": "EWR", "dest": "IAH", name: text, "note": ""}
    return RejectList(
        batch="01KB3V8Q6T4Z9M2N7P5R1S0XYA",
        items=(
            RejectLine(
                number=1,
                reasons=(
                    RowReason(
                        code="type", message=f"'{text}' cannot become a time", column="departure", sources=(name,)
                    ),
                ),
                file=file,
                line=18,
                cells={**first, **more},
            ),
            RejectLine(
                number=2,
                reasons=(
                    RowReason(code="required", message="is null, and required", column="carrier"),
                    RowReason(code="pattern", message=text, column="dest"),
                ),
                file=file,
                line=401,
                cells={**first, "carrier": None, "dest": "x" * 400, **more},
            ),
            RejectLine(
                number=3,
                reasons=(RowReason(code="unreadable", message="6 columns were expected, 9 came"),),
                file=file,
                line=402,
                raw=f"UA,1545,{text},EWR,IAH,,,,",
            ),
            RejectLine(
                number=4,
                reasons=(RowReason(code="required", message="is null, and required", column="carrier"),),
                file=file,
                line=407,
                cells={**first, "carrier": None, "tags": {"a": [1, text]}, **more},
                resolved=True,
            ),
        ),
        next="more",
    )


def connection_list(text: str = "warehouse") -> ConnectionList:
    """Return a page of connections."""
    return ConnectionList(
        items=(connection_line(text), connection_line("lake", id="c2", kind="AzureBlobFS", address="", enabled=False))
    )


def connection_line(text: str = "warehouse", **other: object) -> ConnectionLine:
    """Return a connection."""
    given: dict[str, object] = {
        "id": "c1",
        "scope": "flowservice/acme/prod",
        "name": text,
        "kind": "postgresql",
        "address": "db.example.org:5432/flights" if text == "warehouse" else text,
        "created_at": Instant(NOW - 40 * DAY),
        "updated_at": Instant(NOW - 2 * DAY),
        "verbs": ("test",),
    }
    return ConnectionLine(**{**given, **other})  # type: ignore[arg-type]  # members by name


def connection_view(text: str = "warehouse") -> ConnectionView:
    """Return a connection in full."""
    return ConnectionView(
        line=connection_line(text),
        options={"host": text, "port": 5432, "user": "reader", "password": "********"},
        flows=("flights", text),
    )


def webhook_line(text: str = "https://hooks.example.org/runs", **other: object) -> WebhookLine:
    """Return a webhook."""
    given: dict[str, object] = {
        "id": "w1",
        "scope": "flowservice/acme/prod",
        "address": text,
        "events": ("failed", "succeeded"),
        "created_by": "ops",
        "created_at": Instant(NOW - 20 * DAY),
        "pending": 1,
        "given_up": 2,
    }
    return WebhookLine(**{**given, **other})  # type: ignore[arg-type]  # members by name


def webhook_list(text: str = "https://hooks.example.org/runs") -> WebhookList:
    """Return webhooks."""
    return WebhookList(items=(webhook_line(text), webhook_line(text, id="w2", given_up=0, flows=("f1", text))))


def delivery_list(text: str = "the address answered 503") -> DeliveryList:
    """Return deliveries in every status."""
    bad = DeliveryTry(at=Instant(NOW - HOUR), status=503, took=230_000, message=text)
    none = DeliveryTry(at=Instant(NOW - 50 * MINUTE), message="no answer within 10 s")
    good = DeliveryTry(at=Instant(NOW - MINUTE), status=200, took=84_000)
    lines = (
        ("pending", (bad, none), Instant(NOW + 5 * MINUTE)),
        ("delivered", (good,), None),
        ("given_up", (bad, bad, none), None),
    )
    return DeliveryList(
        items=tuple(
            DeliveryLine(
                id=f"d{number}",
                webhook="w1",
                run=_RUN.format(number),
                event="failed",
                status=status,
                attempts=len(tries),
                created_at=Instant(NOW - HOUR),
                next_at=next_at,
                tries=tries,
            )
            for number, (status, tries, next_at) in enumerate(lines)
        )
    )


def worker_list(text: str = "etl-1") -> WorkerList:
    """Return workers in every status."""
    busy = tuple(f"{_RUN.format(number)} {path}" for number, path in enumerate(("copy", f"Each/3/{text}", "promote")))
    return WorkerList(
        items=(
            WorkerLine(
                id="w-1",
                status="alive",
                host=text,
                pid=4711,
                started_at=Instant(NOW - DAY),
                heartbeat_at=Instant(NOW - 2 * SECOND),
                running=5,
                activities=busy,
            ),
            WorkerLine(
                id="w-2",
                status="alive",
                host="etl-2",
                pid=81,
                started_at=Instant(NOW - DAY),
                heartbeat_at=Instant(NOW - 42 * SECOND),
                late=True,
                generation=3,
            ),
            WorkerLine(
                id="w-3",
                status="dead",
                host="etl-2",
                pid=80,
                started_at=Instant(NOW - 2 * DAY),
                heartbeat_at=Instant(NOW - DAY),
                ended_at=Instant(NOW - DAY),
            ),
        )
    )


def client_list(text: str = "ops") -> ClientList:
    """Return clients of every role."""
    return ClientList(
        items=(
            ClientLine(
                id="b1d7a7f0-1111-4000-8000-000000000001",
                name="admin",
                role=Role.ADMIN,
                scopes=("*",),
                created_at=Instant(NOW - 90 * DAY),
            ),
            ClientLine(
                id="b1d7a7f0-1111-4000-8000-000000000002",
                name=text,
                role=Role.OPERATOR,
                scopes=("flowservice/acme/prod", "local"),
                created_at=Instant(NOW - 30 * DAY),
                service=True,
            ),
            ClientLine(
                id="b1d7a7f0-1111-4000-8000-000000000003",
                name="left",
                role=Role.READER,
                scopes=(text,),
                created_at=Instant(NOW - 80 * DAY),
                revoked_at=Instant(NOW - DAY),
            ),
        )
    )


def key_list(text: str = "ci") -> KeyList:
    """Return keys."""
    return KeyList(
        items=(
            KeyLine(
                id="us_key_1",
                name=text,
                kind="secret",
                environment="us_env_1",
                created_at=Instant(NOW - DAY),
                created_by="admin",
            ),
            KeyLine(id="us_key_2", name="", kind="personal", environment=None, created_at=Instant(NOW - DAY)),
        )
    )


def audit_list(text: str = "ops") -> AuditList:
    """Return deeds of all kinds."""
    deeds: tuple[tuple[str, str, dict[str, Json]], ...] = (
        ("run.retry", _RUN.format(4), {}),
        ("batch.replay", "01KB3V8Q6T4Z9M2N7P5R1S0XYA", {"run_id": _RUN.format(3)}),
        ("flow.put", "f1", {"was": {"name": text}}),
        ("webhook.remove", "w9", {}),
        ("trigger.start", text, {"why": text}),
        ("activity.tell", f"{_RUN.format(4)}/Wait", {}),
        ("client.revoke", "b1d7a7f0-1111-4000-8000-000000000003", {}),
    )
    return AuditList(
        items=tuple(
            AuditLine(
                id=number,
                at=Instant(NOW - number * 37 * MINUTE),
                who=text,
                action=action,
                object=what,
                scope="" if action.startswith("client") else "flowservice/acme/prod",
                details=details,
            )
            for number, (action, what, details) in enumerate(deeds)
        ),
        next="more",
    )
