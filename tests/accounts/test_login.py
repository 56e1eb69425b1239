"""Logging in: right and wrong passwords, unknown addresses, load, and a changing password."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import perf_counter

import pytest
from argon2 import PasswordHasher

from app.accounts import passwords


def test_a_device_logs_in(client, register, log_in):
    account = register("ada@example.com")

    answer = log_in(account, device_name="tablet")

    assert answer.status_code == 200
    assert answer.get_json()["user"]["id"] == account.id
    assert answer.get_json()["tokens"]["device_id"] != account.tokens["device_id"]


def test_the_address_may_be_written_in_any_case(client, register):
    register("ada@example.com")

    answer = client.post(
        "/v1/accounts/login",
        json={"email": "ADA@Example.com", "password": "correct horse battery staple"},
    )

    assert answer.status_code == 200


def test_a_wrong_password_and_an_unknown_address_look_alike(client, register, log_in):
    account = register()

    wrong = log_in(account, "wrong horse battery staple")
    unknown = client.post(
        "/v1/accounts/login",
        json={"email": "nobody@example.com", "password": "wrong horse battery staple"},
    )

    assert wrong.status_code == unknown.status_code == 401
    assert wrong.headers["WWW-Authenticate"] == unknown.headers["WWW-Authenticate"]
    assert wrong.get_json()["detail"] == unknown.get_json()["detail"]


def test_an_unknown_address_takes_as_long_as_a_wrong_password(client, register):
    times = {register().email: [], "nobody@example.com": []}

    # By turns, so that other work on the machine slows both.
    for _ in range(5):
        for email, taken in times.items():
            begun = perf_counter()
            client.post("/v1/accounts/login", json={"email": email, "password": "wrong password"})
            taken.append(perf_counter() - begun)

    known, unknown = (min(taken) for taken in times.values())
    # Without a hash the answer comes about ten times as fast.
    assert 0.5 < unknown / known < 2


def test_another_pepper_verifies_no_password(register, make_app):
    account = register()
    other = make_app(password_pepper="x" * 32).test_client()

    body = {"email": account.email, "password": account.password}

    assert other.post("/v1/accounts/login", json=body).status_code == 401


def test_a_log_in_brings_an_old_hash_up_to_date(register, log_in, owner_connection, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(passwords, "HASHER", PasswordHasher(time_cost=1, memory_cost=64))
        account = register()

    def parameters() -> str:
        stored = owner_connection.execute("SELECT password_hash FROM users").fetchone()[0]
        return stored.split("$")[3]

    assert parameters() == "m=64,t=1,p=4"
    assert log_in(account, "wrong horse battery staple").status_code == 401
    assert parameters() == "m=64,t=1,p=4"
    assert log_in(account).status_code == 200
    assert parameters() == "m=19456,t=2,p=1"
    assert log_in(account).status_code == 200


def test_too_many_log_ins_at_once_are_asked_to_wait(app, register, log_in, monkeypatch):
    account = register()
    go_on = Event()

    class Slow:
        def verify(self, *_arguments: object) -> bool:
            return go_on.wait(10)

        def check_needs_rehash(self, _stored: str) -> bool:
            return False

    monkeypatch.setattr(passwords, "HASHER", Slow())
    monkeypatch.setattr(passwords, "WAIT_SECONDS", 0.2)
    body = {"email": account.email, "password": account.password}

    def send() -> int:
        answer = app.test_client().post("/v1/accounts/login", json=body)
        if answer.status_code == 503:
            assert answer.headers["Retry-After"]
            go_on.set()
        return answer.status_code

    with ThreadPoolExecutor() as pool:
        sent = [pool.submit(send) for _ in range(passwords.CONCURRENT_HASHES + 1)]
        statuses = sorted(answer.result() for answer in sent)

    assert statuses == [200] * passwords.CONCURRENT_HASHES + [503]


def test_a_log_in_cannot_slip_past_a_change_of_the_password(
    register, log_in, owner_connection, wait_for_lock
):
    account = register()

    with ThreadPoolExecutor() as pool:
        with owner_connection.transaction():
            owner_connection.execute("SELECT FROM users FOR UPDATE")
            late = pool.submit(log_in, account)
            wait_for_lock()
            owner_connection.execute("UPDATE users SET password_hash = %s", ["$argon2id$changed"])
        answer = late.result()

    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("field", "value"),
    [("email", "ada"), ("email", None), ("password", None), ("password", "x" * 129), ("role", "a")],
)
def test_the_faulty_field_is_named(client, field, value):
    body = {"email": "ada@example.com", "password": "correct horse", field: value}

    answer = client.post("/v1/accounts/login", json=body)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]


def test_attempts_are_limited_by_address_whoever_asks(make_app, register):
    account = register()
    client = make_app(rate_limits_enabled=True).test_client()
    body = {"email": "nobody@example.com", "password": "wrong password"}

    def attempt(**headers: str) -> int:
        sender = {"REMOTE_ADDR": "192.0.2.7"}
        return client.post(
            "/v1/accounts/login", json=body, headers=headers, environ_base=sender
        ).status_code

    assert [attempt() for _ in range(6)] == [401] * 5 + [429]
    assert attempt(**account.headers) == 429


def test_a_client_with_many_ipv6_addresses_is_one_client(make_app):
    client = make_app(rate_limits_enabled=True).test_client()
    body = {"email": "nobody@example.com", "password": "wrong password"}

    def attempt(address: str) -> int:
        sender = {"REMOTE_ADDR": address}
        return client.post("/v1/accounts/login", json=body, environ_base=sender).status_code

    assert [attempt(f"2001:db8:0:1::{n}") for n in range(6)] == [401] * 5 + [429]
    assert attempt("2001:db8:0:2::1") == 401
    assert [attempt("::ffff:192.0.2.1") for _ in range(5)] == [401] * 5
    assert attempt("192.0.2.1") == 429
    assert attempt("::ffff:192.0.2.2") == 401
    assert attempt("unix:") == 401


@pytest.fixture
def counted(client):
    """How many log-ins ended in a way, so far."""

    def count(outcome: str) -> float:
        lines = client.get("/internal/metrics").text.splitlines()
        name = f'login_attempts_total{{outcome="{outcome}"}} '
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    return count


def test_attempts_are_counted(register, log_in, counted):
    account = register()
    before = counted("succeeded"), counted("failed")
    log_in(account)
    log_in(account, "wrong horse battery staple")

    assert (counted("succeeded"), counted("failed")) == (before[0] + 1, before[1] + 1)


def test_a_wrong_code_counts_as_failed(register, log_in, second_factor, counted):
    account = register()
    second_factor(account)
    before = counted("failed")
    log_in(account)
    log_in(account, code="000000")

    # The first was asked for a code.
    assert counted("failed") == before + 1
