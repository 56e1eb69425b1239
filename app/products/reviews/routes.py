"""Endpoints of reviews."""

import hashlib
from typing import Any
from uuid import UUID

from apiflask import APIBlueprint
from flask import Response, current_app, make_response, request
from flask.blueprints import BlueprintSetupState
from pydantic import BaseModel

from app.accounts.authentication import auth, current_user, current_user_id
from app.etags import row_response
from app.pages import PageQuery
from app.products.reviews import moderation, provider, public, recommendations, service
from app.products.reviews.cli import commands
from app.products.reviews.schemas import (
    HideInput,
    ModeratedReviewOutput,
    ModeratedReviewsOutput,
    ModerationQuery,
    PublicReviewsOutput,
    PublicReviewsQuery,
    RecommendationsOutput,
    RecommendationsQuery,
    ReportInput,
    ReportOutput,
    ReviewInput,
    ReviewOutput,
    ReviewPatch,
    ReviewsOutput,
    SummaryOutput,
)

blueprint = APIBlueprint("reviews", __name__, url_prefix="/v1", tag="Reviews", cli_group="reviews")
for command in commands:
    blueprint.cli.add_command(command)
ONLY_ADMIN = ["admin"]


@blueprint.record
def set_up(state: BlueprintSetupState) -> None:
    """Begin to use the recommender of the settings."""
    provider.init_app(state.app, state.app.extensions["settings"])


@blueprint.get("/reviews")
@blueprint.auth_required(auth)
@blueprint.input(PageQuery, location="query", arg_name="query")
@blueprint.output(ReviewsOutput)
def list_reviews(query: PageQuery) -> dict[str, Any]:
    """List your reviews, by the book's id; drafts too."""
    return service.list_reviews(current_user_id(), query)


@blueprint.post("/reviews")
@blueprint.auth_required(auth)
@blueprint.input(ReviewInput, arg_name="data")
@blueprint.output(ReviewOutput, 201)
@blueprint.doc(
    responses={
        200: "A repeat: the review is there already.",
        404: "There is no such book.",
        409: "You have another review of the book.",
    }
)
def create_review(data: ReviewInput) -> Response:
    """Review a book; the review's id is the book's, so there is one of each."""
    review, new = service.create_review(current_user_id(), data)
    return row_response(review, ReviewOutput, 201 if new else 200)


@blueprint.get("/reviews/<row_id:book_id>")
@blueprint.auth_required(auth)
@blueprint.output(ReviewOutput)
@blueprint.doc(responses={304: "It is still the revision of If-None-Match."})
def show_review(book_id: str) -> Response:
    """Show your review of a book; the ETag is its revision."""
    return row_response(service.get_review(current_user_id(), book_id), ReviewOutput)


@blueprint.patch("/reviews/<row_id:book_id>")
@blueprint.auth_required(auth)
@blueprint.input(ReviewPatch, arg_name="data")
@blueprint.output(ReviewOutput)
@blueprint.doc(responses=[412])
def update_review(book_id: str, data: ReviewPatch) -> Response:
    """Change your review; with If-Match only if nobody else has."""
    review = service.update_review(current_user_id(), book_id, data)
    return row_response(review, ReviewOutput)


@blueprint.delete("/reviews/<row_id:book_id>")
@blueprint.auth_required(auth)
@blueprint.output({}, 204)
@blueprint.doc(responses=[412])
def delete_review(book_id: str) -> str:
    """Delete your review; the public sees it no more."""
    service.delete_review(current_user_id(), book_id)
    return ""


@blueprint.get("/books/<slug:book_id>/reviews")
@blueprint.input(PublicReviewsQuery, location="query", arg_name="query")
@blueprint.output(PublicReviewsOutput)
@blueprint.doc(responses={304: "It is still what If-None-Match names."})
def list_public_reviews(book_id: str, query: PublicReviewsQuery) -> Response:
    """List the reviews of a book, the newest or the highest rating first."""
    return _public(public.list_public_reviews(book_id, query), PublicReviewsOutput)


@blueprint.get("/books/<slug:book_id>/summary")
@blueprint.output(SummaryOutput)
@blueprint.doc(responses={304: "It is still what If-None-Match names."})
def show_summary(book_id: str) -> Response:
    """Show how a book is rated."""
    return _public(public.summary(book_id), SummaryOutput)


@blueprint.post("/books/<slug:book_id>/reviews/<uuid:author_id>/report")
@blueprint.auth_required(auth)
@blueprint.input(ReportInput, arg_name="data")
@blueprint.output(ReportOutput, 201)
@blueprint.doc(responses={200: "A repeat: you have reported it.", 409: "It is your own."})
def report_review(book_id: str, author_id: UUID, data: ReportInput) -> Response:
    """Report a review to the administrators."""
    report, new = service.report_review(current_user_id(), book_id, author_id, data)
    return row_response(report, ReportOutput, 201 if new else 200)


@blueprint.get("/recommendations")
@blueprint.auth_required(auth)
@blueprint.input(RecommendationsQuery, location="query", arg_name="query")
@blueprint.output(RecommendationsOutput)
def list_recommendations(query: RecommendationsQuery) -> dict[str, Any]:
    """Recommend books that you have not reviewed, each with the reason."""
    return recommendations.recommend(current_user(), query.limit)


@blueprint.get("/admin/reviews")
@blueprint.auth_required(auth, roles=ONLY_ADMIN)
@blueprint.input(ModerationQuery, location="query", arg_name="query")
@blueprint.output(ModeratedReviewsOutput)
@blueprint.doc(responses=[403])
def list_moderated_reviews(query: ModerationQuery) -> dict[str, Any]:
    """List the reported reviews, those with the most reports first."""
    return moderation.list_moderated(query)


@blueprint.put("/admin/reviews/<slug:book_id>/<uuid:author_id>/hidden")
@blueprint.auth_required(auth, roles=ONLY_ADMIN)
@blueprint.input(HideInput, arg_name="data")
@blueprint.output(ModeratedReviewOutput)
@blueprint.doc(responses=[403])
def hide_review(book_id: str, author_id: UUID, data: HideInput) -> dict[str, Any]:
    """Hide a review from the public; its author sees the reason, and its rating counts no more."""
    return moderation.hide(current_user(), book_id, author_id, data.reason)


@blueprint.delete("/admin/reviews/<slug:book_id>/<uuid:author_id>/hidden")
@blueprint.auth_required(auth, roles=ONLY_ADMIN)
@blueprint.output(ModeratedReviewOutput)
@blueprint.doc(responses=[403])
def show_review_again(book_id: str, author_id: UUID) -> dict[str, Any]:
    """Show a hidden review again."""
    return moderation.show_again(current_user(), book_id, author_id)


def _public(answer: dict[str, Any], schema: type[BaseModel]) -> Response:
    """Answer what everybody may keep for a while; the ETag is a digest of the body."""
    response = make_response(schema.model_validate(answer).model_dump(mode="json"))
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:20])
    seconds = current_app.extensions["settings"].content_max_age_seconds
    response.headers["Cache-Control"] = f"public, max-age={seconds}"
    response.make_conditional(request)
    return response
