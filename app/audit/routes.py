"""Endpoints of the audit log."""

from typing import Any

from apiflask import APIBlueprint

from app.accounts.authentication import auth, current_user_id
from app.audit import service
from app.audit.schemas import AllEventsOutput, AllEventsQuery, EventsOutput, EventsQuery

blueprint = APIBlueprint("audit", __name__, url_prefix="/v1", tag="Audit")


@blueprint.get("/audit")
@blueprint.auth_required(auth)
@blueprint.input(EventsQuery, location="query", arg_name="query")
@blueprint.output(EventsOutput)
def list_events(query: EventsQuery) -> dict[str, Any]:
    """List what happened to your account, the newest first."""
    return service.list_own(current_user_id(), query)


@blueprint.get("/admin/audit")
@blueprint.auth_required(auth, roles=["admin"])
@blueprint.input(AllEventsQuery, location="query", arg_name="query")
@blueprint.output(AllEventsOutput)
@blueprint.doc(responses=[403])
def list_all_events(query: AllEventsQuery) -> dict[str, Any]:
    """List what happened to all accounts, the newest first; for administrators."""
    return service.list_all(current_user_id(), query)
