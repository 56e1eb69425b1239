"""That changes of the address, the password and the second factor are told to their owner."""

from tests.conftest import PASSWORD

NEW_ADDRESS = "ada.new@example.com"
NEW_PASSWORD = "some other long words"


def outcomes(events) -> list[tuple[str, str]]:
    return [(event["kind"].removeprefix("account."), event["outcome"]) for event in events]


def test_what_the_links_of_mails_do_is_told(sign_up, send, mail_server, events_of):
    account = sign_up()

    def post(path: str, status: int, **body: str):
        answer = account.client.post(f"/v1/accounts{path}", json=body, headers=account.headers)
        assert answer.status_code == status, answer.text
        send()
        return answer.get_json(silent=True)

    post("/verify-address", 204, token=mail_server.token(account.email))
    post("/change-address/request", 202, new_email=NEW_ADDRESS, password=PASSWORD)
    post("/change-address", 204, token=mail_server.token(NEW_ADDRESS))
    post("/reset-password/request", 202, email=NEW_ADDRESS)
    token = mail_server.token(NEW_ADDRESS)
    post("/reset-password", 204, token=token, new_password=NEW_PASSWORD)
    account.tokens = post("/login", 200, email=NEW_ADDRESS, password=NEW_PASSWORD)["tokens"]

    events = events_of(account)

    assert outcomes(events) == [
        ("registered", "succeeded"),
        ("address_verified", "succeeded"),
        ("address_changed", "succeeded"),
        ("password_reset", "succeeded"),
        ("devices_revoked", "succeeded"),
        ("login", "succeeded"),
    ]
    assert events[4]["details"] == {"reason": "password reset", "count": 1}
    assert "@" not in str(events)


def test_a_token_that_does_not_serve_changes_nothing(sign_up, mail_server, events_of):
    account = sign_up()
    token = mail_server.token(account.email)

    for _ in range(2):
        account.client.post("/v1/accounts/verify-address", json={"token": token})

    assert len(events_of(account, kind="account.address_verified")) == 1


def test_the_second_factor_is_told(register, second_factor, log_in, events_of):
    account = register()
    factor = second_factor(account)

    def post(what: str, code: str) -> int:
        path = f"/v1/accounts/me/second-factor/{what}"
        body = {"password": PASSWORD, "code": code}
        return account.client.post(path, json=body, headers=account.headers).status_code

    assert log_in(account, code="000000").status_code == 401
    assert post("disable", "000000") == 422
    assert post("recovery-codes", factor.recovery_codes[0]) == 200
    assert post("disable", factor.next_code()) == 204

    events = events_of(account)

    assert outcomes(events) == [
        ("registered", "succeeded"),
        ("second_factor_enabled", "succeeded"),
        ("second_factor_refused", "failed"),
        ("second_factor_refused", "failed"),
        ("recovery_codes_replaced", "succeeded"),
        ("second_factor_disabled", "succeeded"),
    ]
    # Who was not logged in had no device.
    assert [event["device_id"] for event in events[1:4]] == [
        account.tokens["device_id"],
        None,
        account.tokens["device_id"],
    ]
    assert factor.secret not in str(events)
