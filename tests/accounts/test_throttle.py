"""Who guesses passwords is slowed down; whose account it is gets in."""

import secrets

import pytest

from app.accounts import throttle
from app.extensions import limiter, redis
from app.operations.metrics import LOGIN_ATTEMPTS, RATE_LIMIT_UNAVAILABLE

CLOSED_REDIS = "redis://127.0.0.1:9/0"


@pytest.fixture
def client(make_app):
    """A client of an app that slows guesses down, while its other limits let all through."""
    made = make_app(
        rate_limits_enabled=True,
        rate_limit_login="100000 per minute",
        rate_limit_default="100000 per minute",
    ).test_client()
    yield made
    make_app()


@pytest.fixture
def place() -> str:
    """An address of its own for each test, since the counters outlive it."""
    return new_place()


def new_place() -> str:
    return f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}::1"


@pytest.fixture
def account(register):
    return register(f"{secrets.token_hex(8)}@example.com")


@pytest.fixture
def attempt(client):
    def send(email: str, place: str, given: str = "wrong password", **more: str):
        return client.post(
            "/v1/accounts/login",
            json={"email": email, "password": given, **more},
            environ_overrides={"REMOTE_ADDR": place},
        )

    return send


@pytest.fixture
def let_pass():
    """Let the waits that are set pass at once."""

    def run() -> int:
        keys = redis.client.keys("fivebox:login:wait:*")
        return redis.client.delete(*keys) if keys else 0

    return run


@pytest.fixture
def spend_the_budget(attempt):
    """Guess at an account from many places, as often as is let through."""

    def run(email: str) -> list[int]:
        return [attempt(email, new_place()).status_code for _ in range(throttle.BUDGET)]

    return run


def test_who_has_to_wait_is_counted(account, place, attempt):
    throttled = LOGIN_ATTEMPTS.labels("throttled")
    before = throttled._value.get()
    statuses = [attempt(account.email, place).status_code for _ in range(throttle.FREE + 3)]

    assert statuses.count(429) > 0
    assert throttled._value.get() == before + statuses.count(429)


def test_waits_double_after_the_free_attempts(account, place, attempt, let_pass):
    free = [attempt(account.email, place).status_code for _ in range(throttle.FREE)]
    waits = []
    for _ in range(13):
        assert attempt(account.email, place).status_code == 401
        refused = attempt(account.email, place)
        assert refused.status_code == 429
        assert refused.mimetype == "application/problem+json"
        waits.append(int(refused.headers["Retry-After"]))
        unit = "1 second" if waits[-1] == 1 else f"{waits[-1]} seconds"
        assert refused.get_json()["detail"].endswith(f"try again in {unit}.")
        assert let_pass() >= 1

    assert free == [401] * throttle.FREE
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


def test_a_refused_attempt_does_not_check_the_password(account, place, attempt):
    for _ in range(throttle.FREE + 1):
        attempt(account.email, place)

    assert attempt(account.email, place, account.password).status_code == 429


def test_only_that_place_and_that_account_wait(account, register, place, attempt):
    for _ in range(throttle.FREE + 1):
        attempt(account.email, place)
    assert attempt(account.email, place).status_code == 429

    assert attempt(account.email, new_place(), account.password).status_code == 200
    other = register(f"{secrets.token_hex(8)}@example.com")
    assert attempt(other.email, place, other.password).status_code == 200


def test_a_client_cannot_hop_within_its_network(account, place, attempt):
    for n in range(throttle.FREE + 1):
        attempt(account.email, f"{place}{n}")

    assert attempt(account.email, f"{place}99").status_code == 429


def test_an_unknown_account_is_no_different(place, attempt):
    email = f"{secrets.token_hex(8)}@example.com"

    statuses = [attempt(email, place).status_code for _ in range(throttle.FREE + 2)]

    assert statuses == [401] * (throttle.FREE + 1) + [429]


def test_a_right_password_forgives_the_wrong_ones(account, place, attempt):
    for _ in range(throttle.FREE):
        attempt(account.email, place)
    assert attempt(account.email, place, account.password).status_code == 200

    again = [attempt(account.email, place).status_code for _ in range(throttle.FREE)]

    assert again == [401] * throttle.FREE


def test_many_places_share_a_budget(account, attempt, spend_the_budget):
    statuses = spend_the_budget(account.email)

    refused = attempt(account.email, new_place(), account.password)

    assert statuses == [401] * throttle.BUDGET
    assert refused.status_code == 429
    assert 3500 < int(refused.headers["Retry-After"]) <= 3600


def test_an_address_that_logged_in_before_gets_in(account, place, attempt, spend_the_budget):
    assert attempt(account.email, place, account.password).status_code == 200
    spend_the_budget(account.email)
    assert attempt(account.email, new_place()).status_code == 429

    assert attempt(account.email, place, account.password).status_code == 200


def test_a_device_that_proves_to_be_known_gets_in(account, attempt, spend_the_budget):
    spend_the_budget(account.email)
    proof = account.tokens["refresh_token"]

    answer = attempt(account.email, new_place(), account.password, last_refresh_token=proof)

    assert answer.status_code == 200


def test_a_known_device_does_not_wait_for_others_at_its_address(account, place, attempt):
    for _ in range(throttle.FREE + 1):
        attempt(account.email, place)
    proof = account.tokens["refresh_token"]

    answer = attempt(account.email, place, account.password, last_refresh_token=proof)

    assert answer.status_code == 200


def test_a_known_device_waits_for_itself_anywhere(account, attempt):
    proof = {"last_refresh_token": account.tokens["refresh_token"]}

    statuses = [
        attempt(account.email, new_place(), **proof).status_code for _ in range(throttle.FREE + 2)
    ]

    assert statuses == [401] * (throttle.FREE + 1) + [429]


def test_a_device_that_logged_out_is_still_known(account, attempt, spend_the_budget):
    account.client.post("/v1/accounts/logout", headers=account.headers)
    spend_the_budget(account.email)
    proof = account.tokens["refresh_token"]

    answer = attempt(account.email, new_place(), account.password, last_refresh_token=proof)

    assert answer.status_code == 200


@pytest.mark.parametrize("why", ["made up", "of another", "outdated", "revoked"])
def test_what_proves_no_known_device(account, register, attempt, refresh, spend_the_budget, why):
    other = register(f"{secrets.token_hex(8)}@example.com")
    proof = {"made up": "x.y.z", "of another": other.tokens["refresh_token"]}.get(
        why, account.tokens["refresh_token"]
    )
    if why == "outdated":
        child = refresh(proof).get_json()["refresh_token"]
        refresh(child)
    if why == "revoked":
        device = account.tokens["device_id"]
        account.client.delete(f"/v1/accounts/devices/{device}", headers=account.headers)
    spend_the_budget(account.email)

    answer = attempt(account.email, new_place(), account.password, last_refresh_token=proof)

    assert answer.status_code == 429


def test_a_log_in_takes_nothing_from_the_budget(account, attempt):
    statuses = [
        attempt(account.email, new_place(), account.password).status_code
        for _ in range(throttle.BUDGET + 5)
    ]

    assert set(statuses) == {200}


def test_a_missing_code_is_no_failure_and_a_wrong_one_is(account, place, attempt, second_factor):
    factor = second_factor(account)
    asked = [attempt(account.email, place, account.password) for _ in range(throttle.FREE + 3)]
    assert {answer.status_code for answer in asked} == {401}

    wrong = [
        attempt(account.email, place, account.password, code="000000").status_code
        for _ in range(throttle.FREE + 2)
    ]

    assert wrong == [401] * (throttle.FREE + 1) + [429]
    code = factor.next_code()
    assert attempt(account.email, new_place(), account.password, code=code).status_code == 200


def test_who_resets_the_password_gets_in_there(
    mail_server, send, sign_up, attempt, spend_the_budget, place, client
):
    account = sign_up(f"{secrets.token_hex(8)}@example.com")
    spend_the_budget(account.email)
    here = {"environ_overrides": {"REMOTE_ADDR": place}}
    account.client.post("/v1/accounts/reset-password/request", json={"email": account.email})
    send()
    new = "some other long words"
    body = {"token": mail_server.token(account.email), "new_password": new}

    assert client.post("/v1/accounts/reset-password", json=body, **here).status_code == 204

    assert attempt(account.email, new_place(), new).status_code == 429
    assert attempt(account.email, place, new).status_code == 200


def outages() -> float:
    (metric,) = RATE_LIMIT_UNAVAILABLE.collect()
    return next(s.value for s in metric.samples if s.name.endswith("_total"))


def test_without_redis_log_ins_go_on_and_are_counted(make_app, account, place):
    made = make_app(
        rate_limits_enabled=True,
        rate_limit_login="100000 per minute",
        redis_url=CLOSED_REDIS,
    ).test_client()
    before = outages()

    def log_in(password: str) -> int:
        return made.post(
            "/v1/accounts/login",
            json={"email": account.email, "password": password},
            environ_overrides={"REMOTE_ADDR": place},
        ).status_code

    try:
        wrong = [log_in("wrong password") for _ in range(throttle.FREE + 2)]
        right = log_in(account.password)
    finally:
        # The limiter belongs to the process: give it the storage back.
        make_app()
        limiter._storage_dead = False

    assert wrong == [401] * (throttle.FREE + 2)
    assert right == 200
    assert outages() >= before + throttle.FREE + 3


def test_redis_holds_no_address(account, place, attempt):
    attempt(account.email, place)
    attempt(account.email, place, account.password)

    keys = b" ".join(redis.client.keys("fivebox:login:*"))

    assert keys
    assert account.email.partition("@")[0].encode() not in keys
    assert place.encode() not in keys


def test_every_count_ends_by_itself(account, place, attempt):
    for _ in range(throttle.FREE + 1):
        attempt(account.email, place)
    attempt(account.email, new_place(), account.password)

    assert {redis.client.pttl(key) > 0 for key in redis.client.keys("fivebox:login:*")} == {True}
