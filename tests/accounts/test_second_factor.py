"""The second factor: enrolling, codes and their repeats, recovery codes, turning it off."""

import re
from base64 import b32encode
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pyotp
import pytest

from app.accounts.second_factor import matching_step

PATH = "/v1/accounts/me/second-factor"


def post(account, what: str, **body: str):
    return account.client.post(f"{PATH}{what}", json=body, headers=account.headers)


def status(account):
    return account.client.get(PATH, headers=account.headers).get_json()


def kind(answer) -> str:
    return answer.get_json()["type"].removeprefix("urn:fivebox:problem:")


def fault(answer) -> str:
    assert answer.status_code == 422, answer.text
    return answer.get_json()["errors"][0]["field"]


@pytest.fixture
def forget_steps(owner_connection):
    """Let codes of the present step serve again, as if time had passed."""
    return lambda: owner_connection.execute("UPDATE second_factors SET last_step = 0")


def test_an_authenticator_is_enrolled_and_confirmed(register, owner_connection):
    account = register()
    assert status(account) == {"enabled": False, "recovery_codes_left": 0}

    enrolled = post(account, "", password=account.password)
    assert enrolled.status_code == 201
    secret, uri = enrolled.get_json()["secret"], enrolled.get_json()["uri"]
    parsed = pyotp.parse_uri(uri)
    assert (parsed.secret, parsed.issuer, parsed.name) == (secret, "Fivebox", account.email)
    assert status(account)["enabled"] is False
    confirmed = post(account, "/confirm", code=pyotp.TOTP(secret).now())

    assert confirmed.status_code == 200
    codes = confirmed.get_json()["recovery_codes"]
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"[2-9a-z]{5}-[2-9a-z]{5}", code) for code in codes)
    assert status(account) == {"enabled": True, "recovery_codes_left": 10}


def test_until_it_is_confirmed_no_code_is_asked_for(register, log_in):
    account = register()
    post(account, "", password=account.password)

    assert log_in(account).status_code == 200


def test_it_may_be_enrolled_anew_until_it_is_confirmed(register):
    account = register()
    first, second = (
        post(account, "", password=account.password).get_json()["secret"] for _ in range(2)
    )

    assert first != second
    assert fault(post(account, "/confirm", code=pyotp.TOTP(first).now())) == "code"
    assert post(account, "/confirm", code=pyotp.TOTP(second).now()).status_code == 200


def test_of_two_enrolments_at_once_the_later_counts(register, owner_connection, wait_for_lock):
    account = register()

    with ThreadPoolExecutor() as pool:
        with owner_connection.transaction():
            owner_connection.execute("SELECT FROM users FOR UPDATE")
            both = [pool.submit(post, account, "", password=account.password) for _ in range(2)]
            wait_for_lock(2)
        answers = [answer.result() for answer in both]

    assert [answer.status_code for answer in answers] == [201, 201]
    codes = [pyotp.TOTP(answer.get_json()["secret"]).now() for answer in answers]
    statuses = [post(account, "/confirm", code=code).status_code for code in codes]
    assert statuses.count(200) == 1


def test_only_what_was_enrolled_is_confirmed(register, second_factor):
    account = register()

    assert post(account, "/confirm", code="123456").status_code == 409
    factor = second_factor(account)
    assert post(account, "/confirm", code=factor.next_code()).status_code == 409
    assert post(account, "", password=account.password).status_code == 409


def test_the_password_is_asked_for(register, second_factor):
    account = register()

    assert fault(post(account, "", password="not the password")) == "password"
    factor = second_factor(account)
    for what in ("/recovery-codes", "/disable"):
        answer = post(account, what, password="not the password", code=factor.next_code())
        assert fault(answer) == "password"
        assert fault(post(account, what, password=account.password, code="000000")) == "code"
    assert status(account) == {"enabled": True, "recovery_codes_left": 10}


def test_a_log_in_asks_for_a_code(register, log_in, second_factor):
    account = register()
    factor = second_factor(account)

    without = log_in(account)
    wrong = log_in(account, code="000000")
    right = log_in(account, code=factor.next_code())

    assert (without.status_code, kind(without)) == (401, "second-factor-required")
    assert (wrong.status_code, kind(wrong)) == (401, "second-factor-refused")
    assert right.status_code == 200
    assert without.headers["WWW-Authenticate"] == wrong.headers["WWW-Authenticate"]


def test_a_wrong_password_does_not_tell_of_a_second_factor(register, log_in, second_factor):
    account = register()
    second_factor(account)

    assert kind(log_in(account, "wrong horse battery staple")) == "unauthorized"


def test_a_code_serves_once(register, log_in, second_factor, forget_steps):
    account = register()
    factor = second_factor(account)
    code = factor.next_code()

    assert log_in(account, code=code).status_code == 200
    assert kind(log_in(account, code=code)) == "second-factor-refused"
    # The step alone is what refused it.
    forget_steps()
    assert log_in(account, code=code).status_code == 200


def test_a_code_before_one_that_served_does_not_serve(register, log_in, second_factor):
    account = register()
    factor = second_factor(account)
    assert log_in(account, code=factor.next_code()).status_code == 200

    assert kind(log_in(account, code=factor.at(0))) == "second-factor-refused"


def test_two_that_bring_a_code_at_once_are_told_apart(
    register, log_in, second_factor, owner_connection, wait_for_lock
):
    account = register()
    code = second_factor(account).next_code()

    with ThreadPoolExecutor() as pool:
        with owner_connection.transaction():
            owner_connection.execute("SELECT FROM users FOR UPDATE")
            both = [pool.submit(log_in, account, code=code) for _ in range(2)]
            wait_for_lock()
        statuses = sorted(answer.result().status_code for answer in both)

    assert statuses == [200, 401]


@pytest.mark.parametrize(
    ("seconds", "serves"),
    [(-31, False), (-30, True), (-1, True), (0, True), (59, True), (60, False)],
)
def test_clocks_may_differ_by_one_step(seconds, serves):
    # RFC 6238, appendix B: 07081804 is the code at 1111111109; six digits of it are ours.
    secret = b32encode(b"12345678901234567890").decode()
    step = 1111111109 // 30
    now = datetime.fromtimestamp(step * 30 + seconds, UTC)

    assert matching_step(secret, "081804", now) == (step if serves else None)


@pytest.mark.parametrize("code", ["abcdef", "١٢٣٤٥٦", "123 456", "      1", "éééééé", "x" * 20])
def test_an_odd_code_is_refused(register, log_in, second_factor, code):
    account = register()
    second_factor(account)

    answer = log_in(account, code=code)

    assert answer.status_code in (401, 422)
    assert kind(answer) in ("second-factor-refused", "invalid-input")


def test_a_recovery_code_serves_once(register, log_in, second_factor):
    account = register()
    codes = second_factor(account).recovery_codes

    assert log_in(account, code=codes[0]).status_code == 200
    assert kind(log_in(account, code=codes[0])) == "second-factor-refused"
    assert log_in(account, code=codes[1].upper().replace("-", " ")).status_code == 200
    assert status(account)["recovery_codes_left"] == 8


def test_a_recovery_code_of_another_does_not_serve(register, log_in, second_factor):
    ada, eve = register(), register()
    second_factor(ada)
    codes = second_factor(eve).recovery_codes

    assert kind(log_in(ada, code=codes[0])) == "second-factor-refused"


def test_new_recovery_codes_end_the_old_ones(register, log_in, second_factor):
    account = register()
    factor = second_factor(account)
    old = factor.recovery_codes

    answer = post(account, "/recovery-codes", password=account.password, code=factor.next_code())

    new = answer.get_json()["recovery_codes"]
    assert len(new) == 10
    assert not set(old) & set(new)
    assert kind(log_in(account, code=old[0])) == "second-factor-refused"
    assert log_in(account, code=new[0]).status_code == 200


def test_it_is_turned_off(register, log_in, second_factor, owner_connection):
    account = register()
    codes = second_factor(account).recovery_codes

    answer = post(account, "/disable", password=account.password, code=codes[0])

    assert answer.status_code == 204
    assert status(account) == {"enabled": False, "recovery_codes_left": 0}
    assert log_in(account).status_code == 200
    for what in ("/disable", "/recovery-codes"):
        again = post(account, what, password=account.password, code=codes[1])
        assert again.status_code == 409
    assert owner_connection.execute("SELECT count(*) FROM recovery_codes").fetchone() == (0,)


def test_codes_cannot_be_guessed(register, log_in, second_factor, owner_connection):
    account = register()
    factor = second_factor(account)

    answers = [log_in(account, code="000000") for _ in range(10)]
    blocked = log_in(account, code=factor.next_code())

    assert {kind(answer) for answer in answers} == {"second-factor-refused"}
    assert blocked.status_code == 429
    assert 0 < int(blocked.headers["Retry-After"]) <= 3601
    disable = post(account, "/disable", password=account.password, code=factor.next_code())
    assert disable.status_code == 429
    owner_connection.execute(
        "UPDATE second_factors SET wrong_since = wrong_since - interval '1 hour'"
    )
    assert kind(log_in(account, code="000000")) == "second-factor-refused"
    assert log_in(account, code=factor.next_code()).status_code == 200


def test_a_right_code_forgives_the_wrong_ones(register, log_in, second_factor, owner_connection):
    account = register()
    factor = second_factor(account)
    for _ in range(9):
        log_in(account, code="000000")

    assert log_in(account, code=factor.next_code()).status_code == 200

    assert owner_connection.execute("SELECT wrong_codes FROM second_factors").fetchone() == (0,)


def test_secret_and_codes_are_not_readable_at_rest(register, second_factor, owner_connection):
    account = register()
    factor = second_factor(account)
    (sealed,) = owner_connection.execute("SELECT secret FROM second_factors").fetchone()
    rows = owner_connection.execute("SELECT c::text FROM recovery_codes c").fetchall()
    stored = " ".join(row[0] for row in rows)

    assert factor.secret.encode() not in sealed
    for code in factor.recovery_codes:
        for form in (code, code.replace("-", "")):
            assert form not in stored
            assert form.encode().hex() not in stored


def test_the_secret_of_one_account_does_not_open_in_another(
    register, log_in, second_factor, owner_connection
):
    ada, eve = register(), register()
    second_factor(ada)
    factor = second_factor(eve)
    owner_connection.execute(
        "UPDATE second_factors SET secret = "
        "(SELECT secret FROM second_factors WHERE user_id = %s) WHERE user_id = %s",
        [eve.id, ada.id],
    )

    assert log_in(ada, code=factor.next_code()).status_code == 500


def test_no_log_line_holds_a_secret_or_code(register, log_in, second_factor, log_lines):
    account = register()
    factor = second_factor(account)
    code = factor.next_code()
    log_in(account, code=code)
    log_in(account, code=factor.recovery_codes[0])

    for secret in (factor.secret, f'"{code}"', *factor.recovery_codes):
        assert [line for line in log_lines() if secret in line] == []


def test_the_user_is_told_by_mail(sign_up, send, mail_server, second_factor):
    account = sign_up()
    factor = second_factor(account)
    post(account, "/disable", password=account.password, code=factor.recovery_codes[0])
    send()

    subjects = [message["Subject"] for message in mail_server.to(account.email)]
    assert subjects[-2:] == ["Your second factor is on", "Your second factor is off"]
