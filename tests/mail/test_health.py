"""The health of the mail server; it is checked only where there is one."""

import pytest

from app.mail import smtp


@pytest.fixture
def check(mailing):
    return lambda: mailing.test_client().get("/health")


def test_it_is_up(check, mail_server):
    answer = check()

    assert answer.status_code == 200
    assert answer.get_json()["checks"].keys() == {"database", "cache", "storage", "mail"}
    assert answer.get_json()["checks"]["mail"]["status"] == "up"
    assert mail_server.received == []


def test_it_is_down_and_the_api_goes_on(check, mail_server):
    mail_server.stop()

    answer = check()

    assert answer.status_code == 200
    assert answer.get_json()["status"] == "healthy"
    assert answer.get_json()["checks"]["mail"]["status"] == "down"
    assert answer.get_json()["checks"]["mail"]["error"] == "ConnectionRefusedError"


def test_it_is_asked_once_a_minute(check, mail_server, monkeypatch):
    for _ in range(3):
        check()
    assert len(mail_server.logged_in) == 1

    monkeypatch.setattr(smtp, "CHECK_EVERY_SECONDS", 0.0)
    mail_server.stop()
    # Remembered from before.
    assert check().get_json()["checks"]["mail"]["status"] == "up"
