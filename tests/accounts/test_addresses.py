"""Verifying and changing an address, each by the token of a mail."""

from concurrent.futures import ThreadPoolExecutor

import pytest

NEW = "ada.new@example.com"


@pytest.fixture
def verify(mailing):
    return lambda token: mailing.test_client().post(
        "/v1/accounts/verify-address", json={"token": token}
    )


@pytest.fixture
def request_change():
    def ask(account, new: str = NEW, password: str | None = None):
        return account.client.post(
            "/v1/accounts/change-address/request",
            json={"new_email": new, "password": password or account.password},
            headers=account.headers,
        )

    return ask


@pytest.fixture
def change(mailing):
    return lambda token: mailing.test_client().post(
        "/v1/accounts/change-address", json={"token": token}
    )


def profile(account):
    return account.client.get("/v1/accounts/me", headers=account.headers).get_json()


def ask_again(account):
    return account.client.post("/v1/accounts/verify-address/request", headers=account.headers)


def faulty_field(answer) -> str:
    assert answer.status_code == 422, answer.text
    return answer.get_json()["errors"][0]["field"]


def test_the_first_mail_verifies_the_address(sign_up, mail_server, verify):
    account = sign_up()
    assert profile(account)["email_verified_at"] is None

    assert verify(mail_server.token(account.email)).status_code == 204

    assert profile(account)["email_verified_at"] is not None
    assert ask_again(account).status_code == 409


def test_a_token_serves_once(sign_up, mail_server, verify):
    token = mail_server.token(sign_up().email)

    assert verify(token).status_code == 204
    assert faulty_field(verify(token)) == "token"


def test_of_two_that_bring_it_at_once_one_is_served(
    sign_up, mail_server, verify, owner_connection, wait_for_lock
):
    token = mail_server.token(sign_up().email)

    with ThreadPoolExecutor() as pool:
        with owner_connection.transaction():
            owner_connection.execute("SELECT FROM users FOR UPDATE")
            both = [pool.submit(verify, token) for _ in range(2)]
            wait_for_lock()
        statuses = sorted(answer.result().status_code for answer in both)

    assert statuses == [204, 422]


def test_another_mail_ends_the_token_of_the_first(sign_up, send, mail_server, verify):
    account = sign_up()
    first = mail_server.token(account.email)
    assert ask_again(account).status_code == 202
    send()
    second = mail_server.token(account.email)

    assert faulty_field(verify(first)) == "token"
    assert verify(second).status_code == 204


@pytest.mark.parametrize("token", ["", "x", "é" * 40, "a" * 100])
def test_a_made_up_token_does_not_serve(verify, sign_up, token):
    assert faulty_field(verify(token)) == "token"


def test_an_expired_token_does_not_serve(sign_up, mail_server, verify, owner_connection):
    token = mail_server.token(sign_up().email)
    owner_connection.execute("UPDATE mailed_tokens SET expires_at = now()")

    assert faulty_field(verify(token)) == "token"


def test_a_token_serves_its_purpose_only(sign_up, mail_server, change, mailing):
    token = mail_server.token(sign_up().email)
    body = {"token": token, "new_password": "some other long words"}

    assert faulty_field(change(token)) == "token"
    reset = mailing.test_client().post("/v1/accounts/reset-password", json=body)
    assert faulty_field(reset) == "token"


def test_nobody_floods_a_mailbox(sign_up, send, mail_server, owner_connection):
    account = sign_up()

    answers = [ask_again(account) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [202, 202, 429]
    assert int(answers[-1].headers["Retry-After"]) == 3600
    owner_connection.execute("UPDATE mails SET created_at = now() - interval '61 minutes'")
    assert ask_again(account).status_code == 202
    send()
    assert len(mail_server.to(account.email)) == 4


def test_the_address_changes_once_the_new_one_is_confirmed(
    sign_up, send, mail_server, request_change, change, log_in
):
    account = sign_up()

    assert request_change(account).status_code == 202
    send()

    assert profile(account)["email"] == account.email
    assert mail_server.to(account.email)[-1]["Subject"] == "Your address is about to change"
    assert change(mail_server.token(NEW)).status_code == 204
    assert profile(account)["email"] == NEW
    assert profile(account)["email_verified_at"] is not None
    send()
    assert mail_server.to(account.email)[-1]["Subject"] == "Your address was changed"
    assert log_in(account).status_code == 401
    account.email = NEW
    assert log_in(account).status_code == 200


def test_the_password_is_asked_for(sign_up, send, mail_server, request_change):
    account = sign_up()

    assert faulty_field(request_change(account, password="not the password")) == "password"
    send()
    assert mail_server.to(NEW) == []


def test_the_new_address_is_another(sign_up, request_change):
    account = sign_up()

    assert faulty_field(request_change(account, account.email.upper())) == "new_email"


def test_an_address_with_an_account_is_not_told_and_gets_no_mail(
    sign_up, send, mail_server, request_change
):
    account, other = sign_up(), sign_up("bob@example.com")
    before = len(mail_server.to(other.email))

    taken, free = request_change(account, other.email), request_change(account, NEW)
    send()

    assert taken.status_code == free.status_code == 202
    assert taken.get_json() == free.get_json()
    assert len(mail_server.to(other.email)) == before
    assert len(mail_server.to(NEW)) == 1


def test_an_address_that_got_an_account_meanwhile_is_refused(
    sign_up, send, mail_server, request_change, change
):
    account = sign_up()
    request_change(account)
    send()
    token = mail_server.token(NEW)
    sign_up(NEW)

    assert change(token).status_code == 409
    assert profile(account)["email"] == account.email


def test_links_to_the_old_address_end(sign_up, send, mail_server, request_change, change, verify):
    account = sign_up()
    old = mail_server.token(account.email)
    request_change(account)
    send()
    change(mail_server.token(NEW))

    assert faulty_field(verify(old)) == "token"


def test_a_token_of_an_address_that_is_no_longer_the_users_does_not_serve(
    sign_up, mail_server, verify, owner_connection
):
    token = mail_server.token(sign_up().email)
    owner_connection.execute("UPDATE users SET email = %s", [NEW])

    assert faulty_field(verify(token)) == "token"


def test_a_new_password_stops_a_change_that_waits(
    sign_up, send, mail_server, request_change, change
):
    account = sign_up()
    request_change(account)
    send()
    token = mail_server.token(NEW)
    request_change(account, "third@example.com")
    answer = account.client.post(
        "/v1/accounts/me/password",
        json={"current_password": account.password, "new_password": "some other long words"},
        headers=account.headers,
    )
    assert answer.status_code == 204
    send()

    assert faulty_field(change(token)) == "token"
    assert mail_server.to("third@example.com") == []
    assert mail_server.to(account.email)[-1]["Subject"] == "Your password was changed"


def test_a_stranger_is_not_mailed_by_many_accounts(sign_up, request_change):
    accounts = [sign_up(f"user{n}@example.com") for n in range(4)]

    statuses = [request_change(account, NEW).status_code for account in accounts]

    assert statuses == [202, 202, 202, 429]


def test_an_address_that_was_corrected_before_the_mails_went_out_gets_no_link_that_serves(
    sign_up, send, mail_server, request_change, change
):
    account = sign_up()
    for new in ("wrong@example.com", "right@example.com"):
        assert request_change(account, new).status_code == 202
    send()

    assert change(mail_server.token("wrong@example.com")).status_code == 422
    assert change(mail_server.token("right@example.com")).status_code == 204
