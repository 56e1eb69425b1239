"""Row-level security of mails, mailed tokens and second factors."""

import psycopg
import pytest
from sqlalchemy import text

from app.database.session import act_as, in_scope
from app.extensions import db

SHARED = ["mails", "mailed_tokens"]
OWN = ["second_factors", "recovery_codes"]


@pytest.fixture
def two_users(sign_up, second_factor):
    users = [sign_up(f"user{n}@example.com") for n in range(2)]
    for user in users:
        second_factor(user)
    return [user.id for user in users]


def owners(table: str) -> set[str]:
    rows = db.session.execute(text(f"SELECT user_id FROM {table}"))  # noqa: S608 - our names
    return {str(row[0]) for row in rows}


@pytest.mark.parametrize("table", SHARED + OWN)
def test_a_user_sees_only_their_own(app, two_users, table):
    with app.app_context():
        assert owners(table) == set()
        act_as(two_users[0])
        assert owners(table) == {two_users[0]}


@pytest.mark.parametrize("table", SHARED + OWN)
def test_the_scope_of_accounts_opens_mails_and_their_tokens_only(app, two_users, table):
    with app.app_context():
        act_as(None, scope="accounts")
        assert owners(table) == (set(two_users) if table in SHARED else set())


def test_a_scope_is_left_again(app, two_users):
    with app.app_context():
        act_as(two_users[0])
        with in_scope("accounts"):
            assert owners("mails") == set(two_users)
        assert owners("mails") == {two_users[0]}


@pytest.mark.parametrize("table", SHARED + OWN)
def test_the_analyst_reads_none_of_it(app, servers, two_users, table):
    url = servers.superuser_url.replace("postgres@", "fivebox_analyst@")
    with (
        psycopg.connect(url, autocommit=True) as analyst,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        analyst.execute(f"SELECT 1 FROM {table}")  # noqa: S608 - our names
