"""Endpoints of nutrition."""

from typing import Any

from apiflask import APIBlueprint
from flask import Response, current_app, make_response, request
from pydantic import BaseModel

from app.accounts.authentication import auth, current_user, current_user_id
from app.content.locales import preferred
from app.content.schemas import ContentPageQuery, ContentQuery
from app.etags import row_response
from app.pages import PageQuery
from app.products.nutrition import meals, overview, service
from app.products.nutrition.catalog import Texts
from app.products.nutrition.schemas import (
    BasketQuery,
    BasketsOutput,
    MealOutput,
    MealPageOutput,
    PlanInput,
    PlannedMealInput,
    PlannedMealOutput,
    PlannedMealPageOutput,
    PlannedMealPatch,
    PlannedMealsQuery,
    PlanOutput,
    PlanPageOutput,
    PlanPatch,
    ProfileFields,
    ProfileOutput,
    TargetsOutput,
    TotalsOutput,
)

blueprint = APIBlueprint("nutrition", __name__, url_prefix="/v1/nutrition", tag="Nutrition")
UNCHANGED_ROW = "It is still the revision of If-None-Match."
UNCHANGED = "It is still what If-None-Match names."


@blueprint.get("/meals")
@blueprint.input(ContentPageQuery, location="query", arg_name="query")
@blueprint.output(MealPageOutput)
@blueprint.doc(responses={304: UNCHANGED})
def list_meals(query: ContentPageQuery) -> Response:
    """List meals with their nutrients, by id, in the language of `locale` or Accept-Language."""
    texts = _texts(query)
    return _public(meals.list_meals(query, texts), texts, query)


@blueprint.get("/meals/<slug:meal_id>")
@blueprint.input(ContentQuery, location="query", arg_name="query")
@blueprint.output(MealOutput)
@blueprint.doc(responses={304: UNCHANGED})
def show_meal(meal_id: str, query: ContentQuery) -> Response:
    """Show a meal with the nutrients of a serving, reckoned from its ingredients."""
    texts = _texts(query)
    return _public(meals.get_meal(meal_id, texts), texts, query)


@blueprint.get("/profile")
@blueprint.auth_required(auth)
@blueprint.output(ProfileOutput)
@blueprint.doc(responses={304: UNCHANGED_ROW, 404: "You have none."})
def show_profile() -> Response:
    """Show your nutrition profile; the ETag is its revision."""
    return row_response(service.get_profile(current_user_id()), ProfileOutput)


@blueprint.put("/profile")
@blueprint.auth_required(auth)
@blueprint.input(ProfileFields, arg_name="data")
@blueprint.output(ProfileOutput)
@blueprint.doc(responses={201: "The profile is new.", 412: "It is not the revision of If-Match."})
def put_profile(data: ProfileFields) -> Response:
    """Write your nutrition profile."""
    profile, new = service.put_profile(current_user_id(), data)
    return row_response(profile, ProfileOutput, 201 if new else 200)


@blueprint.delete("/profile")
@blueprint.auth_required(auth)
@blueprint.output({}, 204)
@blueprint.doc(responses=[404, 412])
def delete_profile() -> str:
    """Delete your nutrition profile."""
    service.delete_profile(current_user_id())
    return ""


@blueprint.get("/targets")
@blueprint.auth_required(auth)
@blueprint.output(TargetsOutput)
@blueprint.doc(responses={304: UNCHANGED, 404: "You have no profile."})
def show_targets() -> Response:
    """Show your daily targets of energy and macronutrients, reckoned from your profile."""
    return _computed(TargetsOutput.model_validate(service.targets(current_user())))


@blueprint.get("/plans")
@blueprint.auth_required(auth)
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(PlanPageOutput)
def list_plans(query: PageQuery) -> dict[str, Any]:
    """List your meal plans, by id."""
    return service.list_plans(current_user_id(), query)


@blueprint.post("/plans")
@blueprint.auth_required(auth)
@blueprint.input(PlanInput, arg_name="data")
@blueprint.output(PlanOutput, 201)
@blueprint.doc(responses={200: "A repeat: the plan is there already.", 409: "The id is taken."})
def create_plan(data: PlanInput) -> Response:
    """Create a meal plan; give the id yourself so that a repeat after a lost reply does no harm."""
    plan, new = service.create_plan(current_user_id(), data)
    return row_response(plan, PlanOutput, 201 if new else 200)


@blueprint.get("/plans/<row_id:plan_id>")
@blueprint.auth_required(auth)
@blueprint.output(PlanOutput)
@blueprint.doc(responses={304: UNCHANGED_ROW})
def show_plan(plan_id: str) -> Response:
    """Show a meal plan; the ETag is its revision."""
    return row_response(service.get_plan(current_user_id(), plan_id), PlanOutput)


@blueprint.patch("/plans/<row_id:plan_id>")
@blueprint.auth_required(auth)
@blueprint.input(PlanPatch, arg_name="data")
@blueprint.output(PlanOutput)
@blueprint.doc(responses=[412])
def update_plan(plan_id: str, data: PlanPatch) -> Response:
    """Change a meal plan; with If-Match only if nobody else has."""
    return row_response(service.update_plan(current_user_id(), plan_id, data), PlanOutput)


@blueprint.delete("/plans/<row_id:plan_id>")
@blueprint.auth_required(auth)
@blueprint.output({}, 204)
@blueprint.doc(responses=[412])
def delete_plan(plan_id: str) -> str:
    """Delete a meal plan and its meals."""
    service.delete_plan(current_user_id(), plan_id)
    return ""


@blueprint.get("/plans/<row_id:plan_id>/totals")
@blueprint.auth_required(auth)
@blueprint.output(TotalsOutput)
@blueprint.doc(responses={304: UNCHANGED})
def show_totals(plan_id: str) -> Response:
    """Show what the days of a plan have, against your targets."""
    return _computed(overview.totals(current_user(), plan_id))


@blueprint.get("/plans/<row_id:plan_id>/basket")
@blueprint.auth_required(auth)
@blueprint.input(BasketQuery, location="query", arg_name="query")
@blueprint.output(BasketsOutput)
@blueprint.doc(responses={304: UNCHANGED})
def show_basket(plan_id: str, query: BasketQuery) -> Response:
    """Show where to buy what a plan needs at the least price, in whole packages."""
    texts = _texts(query)
    return _computed(overview.baskets(current_user(), plan_id, query, texts), texts)


@blueprint.get("/plans/<row_id:plan_id>/meals")
@blueprint.auth_required(auth)
@blueprint.input(PlannedMealsQuery, location="query", arg_name="query")
@blueprint.output(PlannedMealPageOutput)
def list_planned_meals(plan_id: str, query: PlannedMealsQuery) -> dict[str, Any]:
    """List the meals of a plan, by day."""
    return service.list_meals(current_user_id(), plan_id, query)


@blueprint.post("/plans/<row_id:plan_id>/meals")
@blueprint.auth_required(auth)
@blueprint.input(PlannedMealInput, arg_name="data")
@blueprint.output(PlannedMealOutput, 201)
@blueprint.doc(
    responses={200: "A repeat: it is there already.", 409: "The id is taken, or `plan-full`."}
)
def create_planned_meal(plan_id: str, data: PlannedMealInput) -> Response:
    """Put a meal into a plan, with your own changes to its ingredients."""
    meal, new = service.create_meal(current_user_id(), plan_id, data)
    return row_response(meal, PlannedMealOutput, 201 if new else 200)


@blueprint.get("/plans/<row_id:plan_id>/meals/<row_id:row_id>")
@blueprint.auth_required(auth)
@blueprint.output(PlannedMealOutput)
@blueprint.doc(responses={304: UNCHANGED_ROW})
def show_planned_meal(plan_id: str, row_id: str) -> Response:
    """Show a meal of a plan; the ETag is its revision."""
    return row_response(service.get_meal(current_user_id(), plan_id, row_id), PlannedMealOutput)


@blueprint.patch("/plans/<row_id:plan_id>/meals/<row_id:row_id>")
@blueprint.auth_required(auth)
@blueprint.input(PlannedMealPatch, arg_name="data")
@blueprint.output(PlannedMealOutput)
@blueprint.doc(responses=[412])
def update_planned_meal(plan_id: str, row_id: str, data: PlannedMealPatch) -> Response:
    """Change a meal of a plan; `changes` are replaced as a whole."""
    meal = service.update_meal(current_user_id(), plan_id, row_id, data)
    return row_response(meal, PlannedMealOutput)


@blueprint.delete("/plans/<row_id:plan_id>/meals/<row_id:row_id>")
@blueprint.auth_required(auth)
@blueprint.output({}, 204)
@blueprint.doc(responses=[412])
def delete_planned_meal(plan_id: str, row_id: str) -> str:
    """Take a meal out of a plan."""
    service.delete_meal(current_user_id(), plan_id, row_id)
    return ""


def _texts(query: ContentQuery) -> Texts:
    return Texts([query.locale] if query.locale else preferred(request.accept_languages))


def _computed(output: BaseModel, texts: Texts | None = None) -> Response:
    """Answer what is reckoned anew each time; the ETag is of the body."""
    response = make_response(output.model_dump(mode="json"))
    if texts is not None:
        response.headers["Content-Language"] = texts.languages
    response.add_etag()
    response.make_conditional(request)
    return response


def _public(output: BaseModel, texts: Texts, query: ContentQuery) -> Response:
    response = _computed(output, texts)
    seconds = current_app.extensions["settings"].content_max_age_seconds
    response.headers["Cache-Control"] = f"public, max-age={seconds}"
    if query.locale is None:
        response.vary.add("Accept-Language")
    return response
