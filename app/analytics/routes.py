"""Endpoints of analytics, all for administrators."""

from apiflask import APIBlueprint

from app.accounts.authentication import auth, current_user_id
from app.analytics import service
from app.analytics.schemas import BehaviourOutput, BusinessOutput, PeriodQuery, UsageOutput

blueprint = APIBlueprint(
    "analytics", __name__, url_prefix="/v1/admin/analytics", tag="Administration"
)


@blueprint.get("/usage")
@blueprint.auth_required(auth, roles=["admin"])
@blueprint.input(PeriodQuery, location="query", arg_name="query")
@blueprint.output(UsageOutput)
@blueprint.doc(responses=[403])
def show_usage(query: PeriodQuery) -> UsageOutput:
    """Show active people by day, week and month, registrations, retention, and devices."""
    return service.usage(current_user_id(), query)


@blueprint.get("/behaviour")
@blueprint.auth_required(auth, roles=["admin"])
@blueprint.input(PeriodQuery, location="query", arg_name="query")
@blueprint.output(BehaviourOutput)
@blueprint.doc(responses=[403])
def show_behaviour(query: PeriodQuery) -> BehaviourOutput:
    """Show what people do, by product."""
    return service.behaviour(current_user_id(), query)


@blueprint.get("/business")
@blueprint.auth_required(auth, roles=["admin"])
@blueprint.input(PeriodQuery, location="query", arg_name="query")
@blueprint.output(BusinessOutput)
@blueprint.doc(responses=[403])
def show_business(query: PeriodQuery) -> BusinessOutput:
    """Show how many people there are, come, stay and go."""
    return service.business(current_user_id(), query)
