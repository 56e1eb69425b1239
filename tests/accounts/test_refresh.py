"""Refresh tokens: rotation, grace for a lost reply, reuse, and races."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest


@pytest.fixture
def end_grace(owner_connection):
    """Let the grace of all rotations so far be over."""

    def end() -> None:
        owner_connection.execute("UPDATE devices SET rotated_at = rotated_at - interval '11 s'")

    return end


def me(account, tokens: dict) -> int:
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    return account.client.get("/v1/accounts/me", headers=headers).status_code


def test_a_refresh_token_gives_new_tokens(register, refresh):
    account = register()

    answer = refresh(account.tokens["refresh_token"])

    assert answer.status_code == 200
    tokens = answer.get_json()
    assert tokens["refresh_token"] != account.tokens["refresh_token"]
    assert tokens["device_id"] == account.tokens["device_id"]
    assert me(account, tokens) == 200
    assert refresh(tokens["refresh_token"]).status_code == 200


def test_a_lost_reply_may_be_asked_for_again(register, refresh):
    token = register().tokens["refresh_token"]
    refresh(token)

    again = refresh(token)

    assert again.status_code == 200
    assert refresh(again.get_json()["refresh_token"]).status_code == 200


@pytest.mark.parametrize("arrived", [0, 1, 2])
def test_whichever_reply_arrived_serves_even_much_later(register, refresh, end_grace, arrived):
    token = register().tokens["refresh_token"]
    replies = [refresh(token).get_json()["refresh_token"] for _ in range(3)]

    end_grace()

    assert refresh(replies[arrived]).status_code == 200


def test_using_one_reply_ends_the_others(register, refresh):
    account = register()
    lost, arrived = (
        refresh(account.tokens["refresh_token"]).get_json()["refresh_token"] for _ in range(2)
    )
    refresh(arrived)

    assert refresh(lost).status_code == 401
    assert me(account, account.tokens) == 401


def test_a_repeat_does_not_prolong_the_grace(register, refresh, owner_connection):
    token = register().tokens["refresh_token"]
    refresh(token)
    owner_connection.execute("UPDATE devices SET rotated_at = rotated_at - interval '8 s'")
    assert refresh(token).status_code == 200
    owner_connection.execute("UPDATE devices SET rotated_at = rotated_at - interval '3 s'")

    assert refresh(token).status_code == 401


def test_a_late_repeat_logs_out_that_device_only(register, log_in, refresh, end_grace, log_lines):
    account = register()
    other = log_in(account).get_json()["tokens"]
    stolen = account.tokens["refresh_token"]
    current = refresh(stolen).get_json()
    end_grace()

    assert refresh(stolen).status_code == 401

    assert refresh(current["refresh_token"]).status_code == 401
    assert me(account, current) == 401
    assert me(account, other) == 200
    assert refresh(other["refresh_token"]).status_code == 200
    (event,) = [line for line in log_lines() if "refresh token reused" in line]
    assert '"event_kind":"security"' in event
    assert account.id in event


def test_an_older_ancestor_logs_the_device_out(register, refresh):
    first = register().tokens["refresh_token"]
    second = refresh(first).get_json()["refresh_token"]
    third = refresh(second).get_json()["refresh_token"]

    assert refresh(first).status_code == 401
    assert refresh(third).status_code == 401


@pytest.mark.parametrize("change", ["secret", "mac", "device"])
def test_a_made_up_token_logs_nobody_out(register, refresh, change):
    account, other = register(), register()
    device, secret, mac = account.tokens["refresh_token"].split(".")
    forged = {
        "secret": f"{device}.{'A' * len(secret)}.{mac}",
        "mac": f"{device}.{secret}.{'0' * len(mac)}",
        "device": f"{other.tokens['device_id']}.{secret}.{mac}",
    }

    assert refresh(forged[change]).status_code == 401

    for owner in (account, other):
        assert refresh(owner.tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize("token", ["", ".", "..", "x", "é.é.é", "a" * 200])
def test_nonsense_is_no_token(client, refresh, token):
    answer = refresh(token)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


@pytest.mark.parametrize("token", [None, 1, "a" * 201])
def test_the_faulty_field_is_named(client, token):
    answer = client.post("/v1/accounts/refresh", json={"refresh_token": token})

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["refresh_token"]


def test_an_access_token_does_not_refresh(register, refresh):
    account = register()

    answer = account.client.post(
        "/v1/accounts/refresh", json={"refresh_token": account.tokens["access_token"][:200]}
    )

    assert answer.status_code == 401


def test_a_device_that_stayed_away_too_long_is_logged_out(register, refresh, owner_connection):
    account = register()
    owner_connection.execute("UPDATE devices SET expires_at = now()")

    assert refresh(account.tokens["refresh_token"]).status_code == 401
    assert me(account, account.tokens) == 401


def test_a_refresh_prolongs_the_log_in(register, refresh, owner_connection):
    account = register()
    owner_connection.execute("UPDATE devices SET expires_at = now() + interval '1 hour'")

    refresh(account.tokens["refresh_token"])

    days = owner_connection.execute("SELECT extract(day FROM expires_at - now()) FROM devices")
    assert days.fetchone()[0] == 59


def test_a_new_jwt_secret_logs_no_device_out(register, make_app):
    account = register()
    client = make_app(jwt_secret="y" * 32).test_client()

    assert client.get("/v1/accounts/me", headers=account.headers).status_code == 401
    body = {"refresh_token": account.tokens["refresh_token"]}
    assert client.post("/v1/accounts/refresh", json=body).status_code == 200


def test_many_devices_behind_one_address_may_refresh(make_app, register):
    tokens = [register().tokens["refresh_token"] for _ in range(6)]
    client = make_app(rate_limits_enabled=True).test_client()

    def send(token: str):
        return client.post(
            "/v1/accounts/refresh",
            json={"refresh_token": token},
            environ_base={"REMOTE_ADDR": "192.0.2.9"},
        )

    answers = [send(token) for token in tokens]

    assert [answer.status_code for answer in answers] == [200] * 6
    assert answers[0].headers["RateLimit-Limit"] == "100"


def test_two_threads_refreshing_at_once_both_stay_logged_in(register, refresh):
    account = register()
    threads = 4
    together = Barrier(threads)

    def send(_number: int) -> dict:
        together.wait(10)
        answer = refresh(account.tokens["refresh_token"])
        assert answer.status_code == 200, answer.text
        return answer.get_json()

    with ThreadPoolExecutor(threads) as pool:
        replies = list(pool.map(send, range(threads)))

    assert len({tokens["refresh_token"] for tokens in replies}) == threads
    assert [me(account, tokens) for tokens in replies] == [200] * threads
    assert refresh(replies[0]["refresh_token"]).status_code == 200


def test_a_refresh_cannot_outrun_a_revocation(register, refresh, owner_connection, wait_for_lock):
    account = register()

    with ThreadPoolExecutor() as pool:
        with owner_connection.transaction():
            owner_connection.execute("UPDATE devices SET revoked_at = now()")
            late = pool.submit(refresh, account.tokens["refresh_token"])
            wait_for_lock()
        answer = late.result()

    assert answer.status_code == 401


def test_a_revocation_waits_for_a_refresh_and_ends_its_tokens(
    register, refresh, owner_connection, wait_for_lock
):
    account = register()

    with ThreadPoolExecutor() as pool:
        with owner_connection.transaction():
            # As a refresh that is under way holds it.
            owner_connection.execute("SELECT FROM devices FOR UPDATE")
            log_out = pool.submit(
                account.client.post, "/v1/accounts/logout", headers=account.headers
            )
            wait_for_lock()
            owner_connection.execute("UPDATE devices SET rotated_at = now()")
        assert log_out.result().status_code == 204

    assert refresh(account.tokens["refresh_token"]).status_code == 401
    assert me(account, account.tokens) == 401
