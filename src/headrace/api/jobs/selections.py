"""Parameters that select records (contract 12.5), the same wherever records are read or changed."""

from starlette.requests import Request

from headrace.api.jobs.queries import Query
from headrace.service.records.selecting import SelectionAsked


def selection_asked(request: Request, *, event_parameter: str = "for", with_ids: bool = True) -> SelectionAsked:
    """Return the selection that the parameters of a request ask for; what is wrong in them says ``selecting.selection_of``.

    ``with_ids`` False: ``ids`` means something else there.
    """
    query = Query(request)
    return SelectionAsked(
        filter=query.text("filter"),
        filter_field=query.text("filterField"),
        search_value=query.text("searchValue"),
        search_field=query.text("searchField"),
        q=query.text("q"),
        sort_field=query.text("sortField"),
        sort_direction=_lower(query.text("sortDirection")),
        ids=(query.texts("ids") or None) if with_ids else None,
        fields=query.texts("fields") or None,
        commit_id=query.text("commitId") or query.text("versionId"),
        since_commit_id=query.text("sinceCommitId") or query.text("sinceVersionId"),
        event_id=query.text(event_parameter),
    )


def _lower(text: str | None) -> str | None:
    return None if text is None else text.lower()
