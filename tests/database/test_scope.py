"""A scope that is opened to some statements closes with them, however they end."""

from collections.abc import Callable
from uuid import UUID

import pytest
from apiflask import APIFlask
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from app.accounts.models import User
from app.database.session import act_as, in_scope
from app.errors import NotFound
from app.extensions import db
from tests.conftest import Account


@pytest.fixture
def own_id(register: Callable[..., Account]) -> UUID:
    """One of two users."""
    register()
    return UUID(register().id)


def visible_users() -> int:
    return db.session.scalar(select(func.count()).select_from(User)) or 0


def _refuse(users: int) -> None:
    assert users == 2
    raise NotFound("There is none.")


def test_a_scope_ends_with_an_exception(app: APIFlask, own_id: UUID) -> None:
    with app.app_context():
        act_as(own_id)
        with pytest.raises(NotFound), in_scope("accounts"):
            _refuse(visible_users())
        # In the same transaction, and in the next.
        assert visible_users() == 1
        db.session.rollback()
        assert visible_users() == 1


def test_a_scope_ends_with_a_failed_transaction(app: APIFlask, own_id: UUID) -> None:
    with app.app_context():
        act_as(own_id)
        with pytest.raises(DBAPIError, match="division by zero"), in_scope("accounts"):
            db.session.execute(text("SELECT 1 / 0"))
        db.session.rollback()
        assert visible_users() == 1


def test_a_scope_ends_with_a_failed_flush(app: APIFlask, own_id: UUID) -> None:
    with app.app_context():
        act_as(own_id)
        db.session.add(User(email="user1@example.com", password_hash="x", name="Eve"))
        with pytest.raises(IntegrityError), in_scope("accounts"):
            db.session.flush()
        db.session.rollback()
        assert visible_users() == 1


def test_a_scope_ends_with_its_connection(app: APIFlask, own_id: UUID) -> None:
    with app.app_context():
        act_as(own_id)
        with pytest.raises(DBAPIError), in_scope("accounts"):
            db.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        db.session.rollback()
        assert visible_users() == 1
