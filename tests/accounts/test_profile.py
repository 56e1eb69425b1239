"""The profile, and changing the password."""

from concurrent.futures import ThreadPoolExecutor

import pytest

NEW = "a new and better password"


@pytest.fixture
def change(register):
    """Send a change of the password."""

    def send(account, current: str, new: str = NEW, **more: object):
        return account.client.post(
            "/v1/accounts/me/password",
            json={"current_password": current, "new_password": new, **more},
            headers=account.headers,
        )

    return send


def patch(account, **body: object):
    return account.client.patch("/v1/accounts/me", json=body, headers=account.headers)


def test_the_profile_changes_where_asked_to(register):
    account, other = register(), register()
    before = account.client.get("/v1/accounts/me", headers=account.headers).get_json()

    answer = patch(account, name=" Ada Lovelace ", time_zone="Europe/Vienna")

    assert answer.status_code == 200
    wanted = {**before, "name": "Ada Lovelace", "time_zone": "Europe/Vienna"}
    assert answer.get_json() == wanted
    assert account.client.get("/v1/accounts/me", headers=account.headers).get_json() == wanted
    untouched = other.client.get("/v1/accounts/me", headers=other.headers).get_json()
    assert untouched["name"] == "Ada"


@pytest.mark.parametrize("locale", ["de", "de-AT", "es-419", "zh-Hant", "zh-Hant-TW"])
def test_a_locale_has_language_script_and_region(register, locale):
    assert patch(register(), locale=locale).get_json()["locale"] == locale


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", ""),
        ("name", "x" * 201),
        ("time_zone", "Europe"),
        ("time_zone", "europe/vienna"),
        ("time_zone", "UTC+1"),
        ("locale", "DE"),
        ("locale", "de-at"),
        ("locale", "de-"),
        ("email", "eve@example.com"),
        ("role", "admin"),
        ("password_hash", "x"),
    ],
)
def test_the_faulty_field_is_named(register, field, value):
    answer = patch(register(), **{field: value})

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]


def test_a_new_password_logs_the_other_devices_out(register, log_in, refresh, change):
    account = register()
    tablet = log_in(account).get_json()["tokens"]

    answer = change(account, account.password)

    assert answer.status_code == 204
    assert log_in(account).status_code == 401
    assert log_in(account, NEW).status_code == 200
    assert refresh(tablet["refresh_token"]).status_code == 401
    assert refresh(account.tokens["refresh_token"]).status_code == 200


def test_the_current_password_is_needed(register, log_in, change):
    account = register()

    answer = change(account, "wrong horse battery staple")

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["current_password"]
    assert log_in(account).status_code == 200


@pytest.mark.parametrize("new", ["too short", "x1y2z3" * 22, "password12", "ada@example.com", None])
def test_a_weak_password_is_refused(register, log_in, change, new):
    account = register("ada@example.com")

    answer = change(account, account.password, new)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["new_password"]
    assert log_in(account).status_code == 200


def test_of_two_changes_at_once_the_later_is_told(
    register, change, owner_connection, wait_for_lock
):
    account = register()

    with ThreadPoolExecutor() as pool:
        with owner_connection.transaction():
            owner_connection.execute("SELECT FROM users FOR UPDATE")
            late = pool.submit(change, account, account.password)
            wait_for_lock()
            owner_connection.execute("UPDATE users SET password_hash = %s", ["$argon2id$changed"])
        answer = late.result()

    assert answer.status_code == 409


def test_guesses_of_the_current_password_are_limited_by_user(make_app, register, log_in):
    account, other = register(), register()
    client = make_app(rate_limits_enabled=True).test_client()

    def guess(owner, address: str) -> int:
        return client.post(
            "/v1/accounts/me/password",
            json={"current_password": "wrong password", "new_password": NEW},
            headers=owner.headers,
            environ_base={"REMOTE_ADDR": address},
        ).status_code

    assert [guess(account, f"192.0.2.{n}") for n in range(6)] == [422] * 5 + [429]
    assert guess(other, "192.0.2.0") == 422
