"""Example rows: what the served products give an account to show what they do."""

from uuid import UUID

from flask import current_app
from sqlalchemy import exists, select

from app.accounts.models import User
from app.database.purge import owned_models
from app.extensions import db
from app.products import parts


def give(user: User) -> list[str]:
    """Give a user the example rows of those products of which they have none yet.

    What the content has must be there, since examples may be made of it.

    Args:
        user: for whom the transactions act.

    Returns:
        the names of those products.
    """
    user_id = user.id
    modules = parts(current_app.extensions["settings"].products, "seed")
    lacking = {name: module for name, module in modules.items() if not _has_rows(name, user_id)}
    for module in lacking.values():
        module.seed(user)
    db.session.commit()
    return list(lacking)


def _has_rows(product: str, user_id: UUID) -> bool:
    # A tombstone counts: examples that somebody deleted do not come back.
    folder = f"app.products.{product}."
    return any(
        db.session.scalar(select(exists().where(model.user_id == user_id)))
        for model in owned_models()
        if model.__module__.startswith(folder)
    )
