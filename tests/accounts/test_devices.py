"""Devices: listing, logging out, and that each user reaches only their own."""

import pytest

from app.pages import encode_cursor

NOBODYS = "00000000-0000-4000-8000-000000000000"


def devices(account) -> list[dict]:
    return account.client.get("/v1/accounts/devices", headers=account.headers).get_json()["items"]


def me(account, tokens: dict) -> int:
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    return account.client.get("/v1/accounts/me", headers=headers).status_code


def test_devices_are_listed_the_last_seen_first(client, register, log_in, refresh):
    account = register()
    tablet = log_in(account, device_name="tablet").get_json()["tokens"]
    assert [device["name"] for device in devices(account)] == ["tablet", "phone"]

    refresh(account.tokens["refresh_token"])

    listed = devices(account)
    assert [device["name"] for device in listed] == ["phone", "tablet"]
    assert [device["current"] for device in listed] == [True, False]
    assert listed[1]["id"] == tablet["device_id"]


def test_devices_come_in_pages(register, log_in, owner_connection):
    account = register()
    for number in range(4):
        log_in(account, device_name=f"device {number}")
    # Equal times must neither lose nor repeat a device.
    owner_connection.execute("UPDATE devices SET last_seen_at = now() WHERE name <> 'phone'")
    names, query = [], "limit=2"
    while query:
        answer = account.client.get(f"/v1/accounts/devices?{query}", headers=account.headers)
        page = answer.get_json()
        names += [device["name"] for device in page["items"]]
        query = page["next"] and f"limit=2&after={page['next']}"

    assert len(page["items"]) == 1
    assert sorted(names) == ["device 0", "device 1", "device 2", "device 3", "phone"]
    assert names[-1] == "phone"


@pytest.mark.parametrize("key", [(), ("x", NOBODYS), ("2026-01-01T00:00:00+00:00", "x"), ("x",)])
def test_a_made_up_cursor_is_refused(register, key):
    account = register()

    answer = account.client.get(
        f"/v1/accounts/devices?after={encode_cursor(*key)}", headers=account.headers
    )

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == ["after"]


def test_the_user_agent_is_kept_in_part(client, register):
    account = register()
    client.post(
        "/v1/accounts/login",
        json={"email": account.email, "password": account.password},
        headers={"User-Agent": "Five/1.0 " + "x" * 400},
    )

    agent = devices(account)[0]["user_agent"]
    assert agent.startswith("Five/1.0 x")
    assert len(agent) == 300


def test_revoking_a_device_ends_its_tokens_at_once(register, log_in, refresh):
    account = register()
    tablet = log_in(account).get_json()["tokens"]

    path = f"/v1/accounts/devices/{tablet['device_id']}"
    answer = account.client.delete(path, headers=account.headers)

    assert answer.status_code == 204
    assert answer.data == b""
    assert me(account, tablet) == 401
    assert refresh(tablet["refresh_token"]).status_code == 401
    assert me(account, account.tokens) == 200
    assert len(devices(account)) == 1
    assert account.client.delete(path, headers=account.headers).status_code == 404


def test_a_device_that_stayed_away_too_long_is_not_listed(register, log_in, owner_connection):
    account = register()
    tablet = log_in(account).get_json()["tokens"]
    owner_connection.execute(
        "UPDATE devices SET expires_at = now() WHERE id = %s", [tablet["device_id"]]
    )

    assert [device["name"] for device in devices(account)] == ["phone"]


def test_the_devices_of_others_are_out_of_reach(register, refresh):
    ada, eve = register(), register()

    answer = eve.client.delete(
        f"/v1/accounts/devices/{ada.tokens['device_id']}", headers=eve.headers
    )

    assert answer.status_code == 404
    assert me(ada, ada.tokens) == 200
    assert [device["id"] for device in devices(eve)] == [eve.tokens["device_id"]]


def test_an_unknown_device_is_not_found(register):
    account = register()

    for device in (NOBODYS, "nonsense"):
        path = f"/v1/accounts/devices/{device}"
        assert account.client.delete(path, headers=account.headers).status_code == 404


def test_logging_out_ends_this_device_only(register, log_in, refresh):
    account = register()
    tablet = log_in(account).get_json()["tokens"]

    assert account.client.post("/v1/accounts/logout", headers=account.headers).status_code == 204

    assert me(account, account.tokens) == 401
    assert refresh(account.tokens["refresh_token"]).status_code == 401
    assert me(account, tablet) == 200


def test_logging_out_everywhere_ends_all_devices_of_the_user(register, log_in, refresh):
    account, other = register(), register()
    tablet = log_in(account).get_json()["tokens"]

    answer = account.client.post("/v1/accounts/logout-everywhere", headers=account.headers)

    assert answer.status_code == 204
    for tokens in (account.tokens, tablet):
        assert me(account, tokens) == 401
        assert refresh(tokens["refresh_token"]).status_code == 401
    assert me(other, other.tokens) == 200


def test_a_user_who_is_gone_is_refused(register, owner_connection):
    account = register()
    owner_connection.execute("DELETE FROM users")

    assert me(account, account.tokens) == 401


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("get", "/me"),
        ("patch", "/me"),
        ("post", "/me/password"),
        ("get", "/devices"),
        ("delete", f"/devices/{NOBODYS}"),
        ("post", "/logout"),
        ("post", "/logout-everywhere"),
    ],
)
def test_without_a_token_nothing_is_shown_or_done(client, method, path):
    answer = client.open(f"/v1/accounts{path}", method=method.upper(), json={})

    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="fivebox"'
