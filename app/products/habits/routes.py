"""Endpoints of habits."""

from datetime import date
from typing import Any

from apiflask import APIBlueprint
from flask import Response

from app.accounts.authentication import auth, current_user, current_user_id
from app.etags import row_response
from app.products.habits import service
from app.products.habits.schemas import (
    HabitInput,
    HabitOutput,
    HabitPatch,
    HabitsOutput,
    HabitsQuery,
    ProgressInput,
    ProgressOutput,
    ProgressPageOutput,
    ProgressQuery,
    RangeQuery,
    StatisticsOutput,
)

blueprint = APIBlueprint("habits", __name__, url_prefix="/v1", tag="Habits")


@blueprint.get("/habits")
@blueprint.auth_required(auth)
@blueprint.input(HabitsQuery, location="query", arg_name="query")
@blueprint.output(HabitsOutput)
def list_habits(query: HabitsQuery) -> dict[str, Any]:
    """List your habits, by id."""
    return service.list_habits(current_user_id(), query)


@blueprint.post("/habits")
@blueprint.auth_required(auth)
@blueprint.input(HabitInput, arg_name="data")
@blueprint.output(HabitOutput, 201)
@blueprint.doc(responses={200: "A repeat: the habit is there already.", 409: "The id is taken."})
def create_habit(data: HabitInput) -> Response:
    """Create a habit; give the id yourself so that a repeat after a lost reply does no harm."""
    habit, new = service.create_habit(current_user_id(), data)
    return row_response(habit, HabitOutput, 201 if new else 200)


@blueprint.get("/habits/<row_id:habit_id>")
@blueprint.auth_required(auth)
@blueprint.output(HabitOutput)
@blueprint.doc(responses={304: "It is still the revision of If-None-Match."})
def show_habit(habit_id: str) -> Response:
    """Show a habit; the ETag is its revision."""
    return row_response(service.get_habit(current_user_id(), habit_id), HabitOutput)


@blueprint.patch("/habits/<row_id:habit_id>")
@blueprint.auth_required(auth)
@blueprint.input(HabitPatch, arg_name="data")
@blueprint.output(HabitOutput)
@blueprint.doc(responses=[412])
def update_habit(habit_id: str, data: HabitPatch) -> Response:
    """Change a habit; with If-Match only if nobody else has."""
    habit = service.update_habit(current_user_id(), habit_id, data)
    return row_response(habit, HabitOutput)


@blueprint.delete("/habits/<row_id:habit_id>")
@blueprint.auth_required(auth)
@blueprint.output({}, 204)
@blueprint.doc(responses=[412])
def delete_habit(habit_id: str) -> str:
    """Delete a habit and its progress."""
    service.delete_habit(current_user_id(), habit_id)
    return ""


@blueprint.get("/habits/<row_id:habit_id>/statistics")
@blueprint.auth_required(auth)
@blueprint.input(RangeQuery, location="query", arg_name="query")
@blueprint.output(StatisticsOutput)
def show_statistics(habit_id: str, query: RangeQuery) -> StatisticsOutput:
    """Show streaks, and completion rates by week and month."""
    return service.statistics(current_user(), habit_id, query)


@blueprint.get("/habits/<row_id:habit_id>/progress")
@blueprint.auth_required(auth)
@blueprint.input(ProgressQuery, location="query", arg_name="query")
@blueprint.output(ProgressPageOutput)
def list_habit_progress(habit_id: str, query: ProgressQuery) -> dict[str, Any]:
    """List a habit's progress, by day."""
    return service.list_progress(current_user_id(), query, habit_id)


@blueprint.get("/habits/<row_id:habit_id>/progress/<day:day>")
@blueprint.auth_required(auth)
@blueprint.output(ProgressOutput)
@blueprint.doc(responses={304: "It is still the revision of If-None-Match."})
def show_progress(habit_id: str, day: date) -> Response:
    """Show one day of a habit."""
    return row_response(service.get_progress(current_user_id(), habit_id, day), ProgressOutput)


@blueprint.put("/habits/<row_id:habit_id>/progress/<day:day>")
@blueprint.auth_required(auth)
@blueprint.input(ProgressInput, arg_name="data")
@blueprint.output(ProgressOutput)
@blueprint.doc(responses={201: "The day is new.", 412: "It is not the revision of If-Match."})
def put_progress(habit_id: str, day: date, data: ProgressInput) -> Response:
    """Record one day of a habit; the day is the one the user sees on their calendar."""
    progress, new = service.put_progress(current_user_id(), habit_id, day, data)
    return row_response(progress, ProgressOutput, 201 if new else 200)


@blueprint.delete("/habits/<row_id:habit_id>/progress/<day:day>")
@blueprint.auth_required(auth)
@blueprint.output({}, 204)
@blueprint.doc(responses=[412])
def delete_progress(habit_id: str, day: date) -> str:
    """Delete what is recorded for a day."""
    service.delete_progress(current_user_id(), habit_id, day)
    return ""


@blueprint.get("/progress")
@blueprint.auth_required(auth)
@blueprint.input(ProgressQuery, location="query", arg_name="query")
@blueprint.output(ProgressPageOutput)
def list_progress(query: ProgressQuery) -> dict[str, Any]:
    """List the progress of all your habits, by day."""
    return service.list_progress(current_user_id(), query)
