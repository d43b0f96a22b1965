"""``headrace flows``: the flows of a home."""

from pathlib import Path

from headrace.cli.output import Output
from headrace.cli.session import opened
from headrace.core.codec import encode
from headrace.service.flows import page_flows


def show_list(home: Path | None, limit: int, cursor: str | None, output: Output) -> int:
    """List the flows."""
    with opened(home) as application:
        page = page_flows(application.database, None, limit=limit, cursor=cursor)
    following = None if page.next is None else page.next.token()
    if output.is_json:
        items = [
            {
                "id": flow.id,
                "scope": flow.scope,
                "name": flow.name,
                "revision": flow.revision,
                "enabled": flow.enabled,
                "activities": [activity.name for activity in flow.plan.activities],
                "labels": flow.labels,
            }
            for flow in page.items
        ]
        output.document(encode({"items": items, "next": following}))
        return 0
    rows = [
        (
            flow.name,
            flow.id,
            flow.scope,
            str(flow.revision),
            "yes" if flow.enabled else "no",
            str(flow.labels.get("flow_file") or "-"),
        )
        for flow in page.items
    ]
    output.table(("flow", "id", "scope", "revision", "enabled", "file"), rows, right=("revision",))
    if following is not None:
        output.note(f"more: --cursor {following}")
    return 0
