"""All operations. The order is that of the reference."""

from headrace.core.client import Role
from headrace.core.native import flows, installation, places, quarantine, runs
from headrace.core.native.operation import Asked, Download, Nothing, Operation, Told

_READER, _OPERATOR, _ADMIN = Role.READER, Role.OPERATOR, Role.ADMIN


def _read(name: str, path: str, asked: type[Asked], told: type[Told], summary: str) -> Operation[Asked, Told]:
    return Operation(name=name, method="GET", path=path, role=_READER, asked=asked, told=told, summary=summary)


def _do(
    name: str, path: str, asked: type[Asked], told: type[Told], summary: str, role: Role = _OPERATOR
) -> Operation[Asked, Told]:
    return Operation(name=name, method="POST", path=path, role=role, asked=asked, told=told, summary=summary)


LIST_RUNS = _read("runs.list", "/runs", runs.ListRuns, runs.RunList, "List runs, the newest first")
THROUGHPUT = _read("runs.throughput", "/throughput", runs.AskThroughput, runs.Throughput, "Count runs by time")
SHOW_RUN = _read(
    "runs.show", "/runs/{run}", runs.AskRun, runs.RunView, "Show a run with its activities, batches and group"
)
LIST_ACTIVITIES = _read(
    "runs.activities", "/runs/{run}/activities", runs.ListActivities, runs.ActivityList, "List activities of a run"
)
SHOW_ACTIVITY = _read(
    "runs.activity", "/runs/{run}/activity", runs.AskActivity, runs.ActivityView, "Show an activity's input and output"
)
RUN_LOGS = _read(
    "runs.logs", "/runs/{run}/logs", runs.AskLogs, runs.LogList, "List what was logged while a run was done"
)
RUN_ERRORS = _read("runs.errors", "/runs/{run}/errors", runs.AskRun, runs.RunErrors, "Say why a run did not succeed")
DIFF_RUNS = _read(
    "runs.diff", "/runs/{run}/diff/{other}", runs.AskDiff, runs.RunDiff, "Say what differs between two runs"
)
PLAN_RETRY = _do(
    "runs.plan", "/runs/{run}/retry-plan", runs.AskRetry, runs.RetryPlan, "Say what a retry would do", _READER
)
RETRY_RUN = _do("runs.retry", "/runs/{run}/retry", runs.AskRetry, runs.RunLine, "Do what is left to do of a run")
CANCEL_RUN = _do("runs.cancel", "/runs/{run}/cancel", runs.AskRun, runs.RunLine, "Ask for the end of a run")
RETRY_MANY = _do(
    "runs.retry_many", "/runs/retry", runs.AskMany, runs.ManyTold, "Retry several runs from their failures"
)
CANCEL_MANY = _do("runs.cancel_many", "/runs/cancel", runs.AskMany, runs.ManyTold, "Ask for the end of several runs")

LIST_BATCHES = _read(
    "quarantine.list",
    "/quarantine",
    quarantine.ListBatches,
    quarantine.QuarantineList,
    "List batches with rejected rows",
)
SHOW_BATCH = _read(
    "quarantine.show",
    "/quarantine/{batch}",
    quarantine.AskBatch,
    quarantine.QuarantineView,
    "Count a batch's rejects by reason",
)
LIST_REJECTS = _read(
    "quarantine.rows", "/quarantine/{batch}/rows", quarantine.ListRejects, quarantine.RejectList, "List rejected rows"
)
REJECTS_FILE = Operation(
    name="quarantine.download",
    method="GET",
    path="/quarantine/{batch}/file",
    role=_READER,
    asked=quarantine.AskRejectsFile,
    told=Download,
    summary="Download a batch's rejected rows",
    streams=True,
)
REPLAY = Operation(
    name="quarantine.replay",
    method="POST",
    path="/quarantine/{batch}/replay",
    role=_OPERATOR,
    asked=quarantine.AskReplay,
    told=quarantine.ReplayTold,
    summary="Play corrected rows again",
    sends=True,
)

LIST_FLOWS = _read("flows.list", "/flows", flows.ListFlows, flows.FlowList, "List flows with their last runs")
SHOW_FLOW = _read("flows.show", "/flows/{flow}", flows.AskFlow, flows.FlowView, "Show a flow with its history")
RUN_FLOW = _do("flows.run", "/flows/{flow}/run", flows.AskFlowRun, runs.RunLine, "Run a flow now")
PAUSE_FLOW = _do("flows.pause", "/flows/{flow}/pause", flows.AskFlow, flows.FlowLine, "Let a flow not start by itself")
RESUME_FLOW = _do(
    "flows.resume", "/flows/{flow}/resume", flows.AskFlow, flows.FlowLine, "Let a flow start by itself again"
)

LIST_SCHEDULES = _read(
    "schedules.list", "/schedules", flows.ListSchedules, flows.ScheduleList, "List what starts flows by itself"
)
PAUSE_SCHEDULE = _do(
    "schedules.pause",
    "/schedules/{schedule}/pause",
    flows.AskSchedule,
    flows.ScheduleLine,
    "Pause a schedule or trigger",
)
RESUME_SCHEDULE = _do(
    "schedules.resume",
    "/schedules/{schedule}/resume",
    flows.AskSchedule,
    flows.ScheduleLine,
    "Resume a schedule or trigger",
)

LIST_CONNECTIONS = _read(
    "connections.list", "/connections", places.ListConnections, places.ConnectionList, "List connections"
)
SHOW_CONNECTION = _read(
    "connections.show", "/connections/{connection}", places.AskConnection, places.ConnectionView, "Show a connection"
)
TEST_CONNECTION = _do(
    "connections.test",
    "/connections/{connection}/test",
    places.AskConnection,
    places.ConnectionTested,
    "Say whether a connection can be reached now",
)

LIST_WEBHOOKS = _read("webhooks.list", "/webhooks", places.ListWebhooks, places.WebhookList, "List webhooks")
ADD_WEBHOOK = _do(
    "webhooks.add", "/webhooks", places.AddWebhook, places.WebhookLine, "Tell an address of runs that end"
)
REMOVE_WEBHOOK = Operation(
    name="webhooks.remove",
    method="DELETE",
    path="/webhooks/{webhook}",
    role=_OPERATOR,
    asked=places.AskWebhook,
    told=Nothing,
    summary="Remove a webhook",
)
LIST_DELIVERIES = _read(
    "webhooks.deliveries",
    "/webhooks/{webhook}/deliveries",
    places.ListDeliveries,
    places.DeliveryList,
    "List what a webhook was told",
)
REDELIVER = _do(
    "webhooks.redeliver",
    "/deliveries/{delivery}/redeliver",
    places.AskDelivery,
    places.DeliveryLine,
    "Send a delivery again",
)

LIST_WORKERS = _read("workers.list", "/workers", Nothing, installation.WorkerList, "List workers")
LIST_CLIENTS = Operation(
    name="clients.list",
    method="GET",
    path="/clients",
    role=_ADMIN,
    asked=Nothing,
    told=installation.ClientList,
    summary="List clients",
)
ADD_CLIENT = _do(
    "clients.create",
    "/clients",
    installation.AddClient,
    installation.ClientMade,
    "Make a client; its secret is shown once",
    _ADMIN,
)
REVOKE_CLIENT = _do(
    "clients.revoke",
    "/clients/{client}/revoke",
    installation.AskClient,
    installation.ClientLine,
    "Take all rights of a client",
    _ADMIN,
)
LIST_KEYS = Operation(
    name="keys.list",
    method="GET",
    path="/keys",
    role=_ADMIN,
    asked=Nothing,
    told=installation.KeyList,
    summary="List the keys of the Jobs door",
)
ADD_KEY = _do(
    "keys.create", "/keys", installation.AddKey, installation.KeyMade, "Make a key; its token is shown once", _ADMIN
)
REVOKE_KEY = _do("keys.revoke", "/keys/{key}/revoke", installation.AskKey, Nothing, "Make a key worthless", _ADMIN)
LIST_AUDIT = _read("audit.list", "/audit", installation.ListAudit, installation.AuditList, "List who did what")
SHOW_ME = _read("me", "/me", Nothing, installation.Me, "Say who asks")
SHOW_ABOUT = _read("about", "/about", Nothing, installation.About, "Say how the installation is")

OPERATIONS: tuple[Operation[object, object], ...] = tuple(
    value for value in list(globals().values()) if isinstance(value, Operation)
)
"""Every operation, in the order above."""
