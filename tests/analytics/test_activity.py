"""Days of activity: noted when tokens are handed out."""

import pytest


@pytest.fixture
def days(owner_connection):
    def read() -> list[tuple[str, str]]:
        rows = owner_connection.execute(
            "SELECT user_id::text, day::text FROM active_days ORDER BY day"
        )
        return rows.fetchall()

    return read


def test_a_day_is_noted_once(register, client, days, owner_connection):
    account = register()
    today = owner_connection.execute("SELECT (now() AT TIME ZONE 'UTC')::date::text").fetchone()[0]
    client.post("/v1/accounts/login", json={"email": account.email, "password": account.password})

    assert days() == [(account.id, today)]


@pytest.mark.parametrize("way", ["login", "refresh"])
def test_whoever_comes_back_is_active_again(register, client, days, owner_connection, way):
    account = register()
    owner_connection.execute("UPDATE active_days SET day = day - 1")
    body = {
        "login": {"email": account.email, "password": account.password},
        "refresh": {"refresh_token": account.tokens["refresh_token"]},
    }[way]

    assert client.post(f"/v1/accounts/{way}", json=body).status_code == 200
    assert len(days()) == 2


def test_without_analytics_nothing_is_noted(make_app, days):
    client = make_app(analytics_enabled=False).test_client()

    answer = client.post(
        "/v1/accounts/register",
        json={"email": "a@example.com", "password": "four random words", "name": "Ada"},
    )

    assert answer.status_code == 201
    assert days() == []
