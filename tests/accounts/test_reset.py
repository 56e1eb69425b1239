"""A forgotten password: asked for by anybody, chosen by who reads the mail."""

from concurrent.futures import ThreadPoolExecutor
from statistics import median
from time import perf_counter

import pytest

NEW = "some other long words"


@pytest.fixture
def ask(mailing):
    client = mailing.test_client()
    return lambda email: client.post("/v1/accounts/reset-password/request", json={"email": email})


@pytest.fixture
def reset(mailing):
    def choose(token: str, password: str = NEW):
        body = {"token": token, "new_password": password}
        return mailing.test_client().post("/v1/accounts/reset-password", json=body)

    return choose


@pytest.fixture
def ask_and_read(ask, send, mail_server):
    """Ask for a mail and return its token."""

    def run(email: str) -> str:
        assert ask(email).status_code == 202
        send()
        return mail_server.token(email)

    return run


def test_a_new_password_is_chosen(sign_up, ask_and_read, reset, log_in, send, mail_server):
    account = sign_up()

    assert reset(ask_and_read(account.email)).status_code == 204

    assert log_in(account).status_code == 401
    assert log_in(account, NEW).status_code == 200
    send()
    assert mail_server.to(account.email)[-1]["Subject"] == "Your password was changed"


def test_all_devices_are_logged_out(sign_up, ask_and_read, reset, refresh):
    account = sign_up()
    reset(ask_and_read(account.email))

    answer = account.client.get("/v1/accounts/me", headers=account.headers)

    assert answer.status_code == 401
    assert refresh(account.tokens["refresh_token"]).status_code == 401


def test_it_verifies_the_address(sign_up, ask_and_read, reset, log_in):
    account = sign_up()
    reset(ask_and_read(account.email))

    assert log_in(account, NEW).get_json()["user"]["email_verified_at"] is not None


def test_a_token_serves_once_and_its_sisters_no_more(sign_up, ask_and_read, reset):
    account = sign_up()
    first = ask_and_read(account.email)
    second = ask_and_read(account.email)

    assert reset(first).status_code == 422
    assert reset(second).status_code == 204
    assert reset(second, "yet other long words").status_code == 422


def test_of_several_links_of_one_run_the_last_serves(sign_up, ask, send, reset, mail_server):
    account = sign_up()
    before = len(mail_server.received)
    for _ in range(2):
        ask(account.email)
    send()
    bodies = [message.get_content() for message in mail_server.received[before:]]
    first, second = (body.split("#token=")[1].split()[0] for body in bodies)

    assert reset(first).status_code == 422
    assert reset(second).status_code == 204


@pytest.mark.parametrize(("minutes", "status"), [(29, 204), (31, 422)])
def test_it_serves_half_an_hour(sign_up, ask_and_read, reset, owner_connection, minutes, status):
    token = ask_and_read(sign_up().email)
    owner_connection.execute(
        "UPDATE mailed_tokens SET expires_at = expires_at - interval '1 minute' * %s", [minutes]
    )

    assert reset(token).status_code == status


@pytest.mark.parametrize(
    ("password", "fault"), [("password123", "easy to guess"), ("short", "at least 10")]
)
def test_a_poor_password_leaves_the_token(sign_up, ask_and_read, reset, password, fault):
    token = ask_and_read(sign_up().email)

    answer = reset(token, password)

    assert answer.status_code == 422
    assert answer.get_json()["errors"][0]["field"] == "new_password"
    assert fault in answer.get_json()["errors"][0]["detail"]
    assert reset(token).status_code == 204


def test_the_answer_is_the_same_for_any_address(sign_up, ask, send, mail_server):
    account = sign_up()

    known, unknown = ask(account.email), ask("nobody@example.com")
    result = send()

    assert known.status_code == unknown.status_code == 202
    assert known.get_json() == unknown.get_json()
    assert list(known.headers.keys()) == list(unknown.headers.keys())
    assert result.output.startswith("Sent 1, dropped 1,")
    assert mail_server.to("nobody@example.com") == []


def test_the_same_is_done_for_any_address(sign_up, ask, owner_connection):
    account = sign_up()
    times = {account.email: [], "nobody@example.com": []}

    # By turns, so that other work on the machine slows both.
    for _ in range(15):
        for email, taken in times.items():
            owner_connection.execute("DELETE FROM mails")
            begun = perf_counter()
            ask(email)
            taken.append(perf_counter() - begun)

    rows = owner_connection.execute("SELECT user_id, template, state FROM mails").fetchall()
    assert rows == [(None, "reset-password", "waiting")]
    known, unknown = (median(taken) for taken in times.values())
    assert 0.5 < unknown / known < 2


def test_too_many_mails_are_not_sent_and_not_told(sign_up, ask, send, mail_server):
    account = sign_up()
    before = len(mail_server.to(account.email))

    answers = [ask(account.email) for _ in range(5)]
    send()

    assert {answer.status_code for answer in answers} == {202}
    assert len(mail_server.to(account.email)) == before + 3


def test_a_stranger_who_asks_first_does_not_keep_the_owner_from_a_link_that_serves(
    sign_up, ask, send, reset, mail_server, owner_connection
):
    account = sign_up()
    for _ in range(5):
        ask(account.email)
    send()
    for table, columns in (("mails", ["created_at"]), ("mailed_tokens", ["expires_at"])):
        for column in columns:
            owner_connection.execute(
                f"UPDATE {table} SET {column} = {column} - interval '31 minutes'"  # noqa: S608
            )
    assert reset(mail_server.token(account.email)).status_code == 422

    ask(account.email)
    send()

    assert reset(mail_server.token(account.email)).status_code == 204


def test_asking_at_once_does_not_pass_the_limit(mailing, owner_connection, wait_for_lock):
    def ask(_number: int) -> int:
        body = {"email": "ada@example.com"}
        answer = mailing.test_client().post("/v1/accounts/reset-password/request", json=body)
        return answer.status_code

    before = [ask(number) for number in range(2)]
    with ThreadPoolExecutor(2) as pool:
        with owner_connection.transaction():
            # Mails can be counted, but not queued.
            owner_connection.execute("LOCK mails IN SHARE MODE")
            late = pool.map(ask, range(2))
            wait_for_lock(2)
        statuses = [*before, *late]

    assert statuses == [202] * 4
    assert owner_connection.execute("SELECT count(*) FROM mails").fetchone() == (3,)


def test_a_change_of_the_password_withdraws_waiting_mails(
    sign_up, ask, send, mail_server, owner_connection
):
    account, other = sign_up(), sign_up("eve@example.com")
    for email in (account.email, other.email):
        ask(email)
    answer = account.client.post(
        "/v1/accounts/me/password",
        json={"current_password": account.password, "new_password": NEW},
        headers=account.headers,
    )
    assert answer.status_code in (200, 204), answer.text

    send()

    query = "SELECT recipient, state FROM mails WHERE template = 'reset-password'"
    assert dict(owner_connection.execute(query).fetchall()) == {
        account.email: "dropped",
        other.email: "sent",
    }
    assert mail_server.to(account.email)[-1]["Subject"] == "Your password was changed"


def test_one_place_cannot_ask_for_many(make_app, mail_server):
    client = make_app(
        smtp_url=mail_server.url,
        mail_from="no-reply@example.com",
        rate_limits_enabled=True,
        rate_limit_mail="2 per hour",
    ).test_client()

    def ask_from(address: str, n: int) -> int:
        return client.post(
            "/v1/accounts/reset-password/request",
            json={"email": f"user{n}@example.com"},
            environ_overrides={"REMOTE_ADDR": address},
        ).status_code

    assert [ask_from("2001:db8:1::1", n) for n in range(3)] == [202, 202, 429]
    assert ask_from("2001:db8:2::1", 4) == 202


def test_a_second_factor_stays(sign_up, ask_and_read, reset, log_in, second_factor, mail_server):
    account = sign_up()
    verified = account.client.post(
        "/v1/accounts/verify-address", json={"token": mail_server.token(account.email)}
    )
    assert verified.status_code == 204
    second_factor(account)

    reset(ask_and_read(account.email))

    assert log_in(account, NEW).get_json()["type"] == "urn:fivebox:problem:second-factor-required"


def test_who_registered_a_foreign_address_does_not_keep_its_owner_out(
    sign_up, ask_and_read, reset, log_in, second_factor, owner_connection, send, mail_server
):
    account = sign_up()
    factor = second_factor(account)

    assert reset(ask_and_read(account.email)).status_code == 204

    assert log_in(account, NEW).status_code == 200
    for table in ("second_factors", "recovery_codes"):
        rows = owner_connection.execute(f"SELECT count(*) FROM {table}")  # noqa: S608 - our names
        assert rows.fetchone() == (0,)
    kinds = owner_connection.execute("SELECT kind FROM audit_events").fetchall()
    assert ("account.second_factor_disabled",) in kinds
    send()
    subjects = [message["Subject"] for message in mail_server.to(account.email)]
    assert set(subjects[-2:]) == {"Your password was changed", "Your second factor is off"}
    # From now on it is its owner's.
    account.tokens = log_in(account, NEW).get_json()["tokens"]
    account.password = NEW
    assert second_factor(account).secret != factor.secret
    assert log_in(account).get_json()["type"] == "urn:fivebox:problem:second-factor-required"


def test_a_factor_that_was_never_on_goes_without_a_word(
    sign_up, ask_and_read, reset, owner_connection
):
    account = sign_up()
    path, body = "/v1/accounts/me/second-factor", {"password": account.password}
    assert account.client.post(path, json=body, headers=account.headers).status_code == 201

    assert reset(ask_and_read(account.email)).status_code == 204

    assert owner_connection.execute("SELECT count(*) FROM second_factors").fetchone() == (0,)
    kinds = owner_connection.execute("SELECT kind FROM audit_events").fetchall()
    assert ("account.second_factor_disabled",) not in kinds
