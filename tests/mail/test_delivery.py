"""The command `flask mail send`, with a real mail server."""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from sqlalchemy import select

from app.database.session import act_as
from app.extensions import db
from app.mail import delivery, smtp
from app.mail.letters import compose
from app.mail.models import Mail
from tests.mail.fixtures import APP_URL
from tests.mail.server import PASSWORD as SMTP_PASSWORD
from tests.mail.server import MailServer


@pytest.fixture
def state(owner_connection):
    """State, attempts and last error of the mail to an address."""

    def read(address: str = "ada@example.com"):
        return owner_connection.execute(
            "SELECT state, attempts, last_error FROM mails WHERE recipient = %s", [address]
        ).fetchone()

    return read


@pytest.fixture
def make_due(owner_connection):
    return lambda: owner_connection.execute("UPDATE mails SET next_attempt_at = now()")


def test_a_mail_is_sent_once(sign_up, send, mail_server, state):
    sign_up("ada@example.com", sent=False)
    assert mail_server.received == []

    first, second = send(), send()

    assert first.output == "Sent 1, dropped 0, put off 0, failed 0.\n"
    assert second.output == "Sent 0, dropped 0, put off 0, failed 0.\n"
    (message,) = mail_server.received
    assert message["To"] == "ada@example.com"
    assert message["From"] == "Fivebox <no-reply@example.com>"
    assert message["Subject"] == "Confirm your address"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@example.com>")
    assert abs(message["Date"].datetime - datetime.now(UTC)) < timedelta(minutes=1)
    assert f"{APP_URL}/verify-address#token=" in message.get_content()
    assert mail_server.logged_in == ["fivebox"]
    assert state() == ("sent", 1, None)


def test_what_is_not_committed_sends_nothing(sign_up, send, mail_server, mailing):
    sign_up("ada@example.com")

    again = mailing.test_client().post(
        "/v1/accounts/register",
        json={"email": "ada@example.com", "password": "another long one", "name": "Eve"},
    )

    assert again.status_code == 409
    assert "Sent 0" in send().output
    assert len(mail_server.received) == 1


def test_the_token_is_nowhere_at_rest(sign_up, send, mail_server, owner_connection):
    sign_up(sent=False)

    def stored() -> str:
        rows = owner_connection.execute(
            "SELECT m::text FROM mails m UNION ALL SELECT t::text FROM mailed_tokens t"
        ).fetchall()
        return " ".join(row[0] for row in rows)

    assert "token=" not in stored()
    send()
    token = mail_server.token("ada@example.com")
    assert token not in stored()
    assert token.encode().hex() not in stored()


@pytest.mark.parametrize(
    ("locale", "subject"),
    [
        ("de", "Bitte bestätige deine Adresse"),
        ("de-AT", "Bitte bestätige deine Adresse"),
        ("en-GB", "Confirm your address"),
        ("sr-Latn-RS", "Confirm your address"),
    ],
)
def test_a_mail_is_in_the_readers_language(sign_up, mail_server, locale, subject):
    sign_up(locale=locale)

    (message,) = mail_server.received
    assert message["Subject"] == subject
    assert message["Content-Language"] == ("de" if locale.startswith("de") else "en")


# The server takes its port for one without TLS.
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")
@pytest.mark.parametrize("how", [{"scheme": "smtps"}, {"open_to_all": True}])
def test_tls_from_the_first_byte_and_no_log_in(make_app, mail_server, sign_up, how):
    sign_up(sent=False)
    mail_server.stop()
    mail_server.start(**how)
    app = make_app(smtp_url=mail_server.url, mail_from="no-reply@example.com")

    result = app.test_cli_runner().invoke(args=["mail", "send"])

    assert result.exit_code == 0, result.output
    assert len(mail_server.received) == 1


def test_a_certificate_of_a_stranger_is_not_trusted(
    sign_up, send, mail_server, state, monkeypatch, tmp_path
):
    sign_up(sent=False)
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.setenv("SSL_CERT_FILE", str(MailServer(other).authority))

    result = send()

    assert result.exit_code == 1
    assert "SSLCertVerificationError" in result.output
    assert (mail_server.received, mail_server.logged_in) == ([], [])
    assert state() == ("waiting", 1, "SSLCertVerificationError")


def test_a_wrong_smtp_password_is_told_and_not_shown(make_app, mail_server, sign_up, state):
    sign_up(sent=False)
    url = mail_server.url.replace("quite", "wrong")
    app = make_app(smtp_url=url, mail_from="no-reply@example.com")

    result = app.test_cli_runner().invoke(args=["mail", "send"])

    assert result.exit_code == 1
    assert state() == ("waiting", 1, "SMTPAuthenticationError 535")
    assert "wrong" not in result.output
    assert SMTP_PASSWORD not in result.output


def run_at(time: datetime) -> delivery.Tally:
    return delivery.send_due(lambda: time)


def test_waits_grow_until_the_mail_expires(mailing, sign_up, mail_server, owner_connection, state):
    sign_up(sent=False)
    mail_server.stop()
    now = datetime.now(UTC)
    waits = []
    with mailing.app_context():
        for _ in range(10):
            assert run_at(now).server_error == "ConnectionRefusedError"
            (due,) = owner_connection.execute("SELECT next_attempt_at FROM mails").fetchone()
            waits.append((due - now).total_seconds())
            # Not a moment before.
            assert run_at(due - timedelta(seconds=1)) == delivery.Tally()
            now = due
        late = run_at(now + timedelta(days=1))

    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]
    assert late == delivery.Tally(failed=1)
    assert state() == ("failed", 11, "ConnectionRefusedError")


def test_a_mail_waits_for_the_server_to_come_back(sign_up, send, mail_server, make_due):
    sign_up(sent=False)
    port = mail_server.port
    mail_server.stop()
    assert send().exit_code == 1

    mail_server.start(port=port)
    make_due()

    assert send().exit_code == 0
    assert len(mail_server.received) == 1


@pytest.mark.parametrize(
    ("where", "answer", "wanted"),
    [
        ("refused_recipients", "550 no such user", ("failed", 1, "SMTPRecipientsRefused 550")),
        ("refused_recipients", "450 later", ("waiting", 1, "SMTPRecipientsRefused 450")),
        ("refused_data", "554 spam", ("waiting", 1, "SMTPDataError 554")),
    ],
)
def test_a_refused_mail_does_not_hold_up_others(
    sign_up, send, mail_server, state, where, answer, wanted
):
    sign_up("ada@example.com", sent=False)
    sign_up("bob@example.com", sent=False)
    getattr(mail_server, where)["ada@example.com"] = answer

    result = send()

    assert result.exit_code == 0
    assert [message["To"] for message in mail_server.received] == ["bob@example.com"]
    assert state() == wanted
    assert state("bob@example.com") == ("sent", 1, None)


def test_a_server_may_think_about_a_mail_for_long(sign_up, send, mail_server, state, monkeypatch):
    sign_up(sent=False)
    monkeypatch.setattr(delivery, "Connection", partial(smtp.Connection, timeout=1))
    mail_server.answers_after = 2

    assert "Sent 1," in send().output
    assert state() == ("sent", 1, None)


def test_a_sender_waits_for_a_server_less_long_than_it_has_the_mail():
    # From the connection to the last byte of the data.
    steps = timedelta(seconds=12 * smtp.TIMEOUT_SECONDS)
    assert timedelta(seconds=smtp.ANSWER_SECONDS) + steps < delivery.LEASE


def test_a_run_ends_though_mails_are_due(mailing, sign_up, mail_server):
    for address in ("ada@example.com", "bob@example.com"):
        sign_up(address, sent=False)
    begun = datetime.now(UTC)

    def clock() -> datetime:
        return begun + delivery.RUN * len(mail_server.received)

    with mailing.app_context():
        assert delivery.send_due(clock) == delivery.Tally(sent=1)
        assert run_at(clock()) == delivery.Tally(sent=1)


@pytest.fixture
def lose_answer(mail_server, send, monkeypatch, make_due):
    """Send the mails that are due; the server takes the first, and its answer never comes."""

    def lose() -> None:
        with monkeypatch.context() as patch:
            patch.setattr(smtp, "ANSWER_SECONDS", 0.2)
            mail_server.answers_after = 5
            assert send().exit_code == 1
        mail_server.answers_after = 0
        make_due()

    return lose


@pytest.fixture
def verify(mailing):
    """Follow the link of a mail; the status of the answer."""

    def follow(token: str) -> int:
        body = {"token": token}
        return mailing.test_client().post("/v1/accounts/verify-address", json=body).status_code

    return follow


def test_the_link_of_an_attempt_whose_answer_was_lost_serves(
    sign_up, send, mail_server, lose_answer, verify, state
):
    sign_up(sent=False)
    lose_answer()
    first = mail_server.token("ada@example.com")

    assert "Sent 1," in send().output

    copies = mail_server.to("ada@example.com")
    assert len(copies) == 2
    assert copies[0]["Message-ID"] == copies[1]["Message-ID"]
    assert state()[:2] == ("sent", 2)
    assert verify(first) == 204
    assert verify(mail_server.token("ada@example.com")) == 422


def test_a_links_life_begins_anew_with_each_attempt(
    sign_up, send, mail_server, lose_answer, verify, owner_connection
):
    sign_up(sent=False)
    lose_answer()
    owner_connection.execute("UPDATE mailed_tokens SET expires_at = now()")

    send()

    assert verify(mail_server.token("ada@example.com")) == 204


def test_a_link_that_was_used_serves_no_more_after_another_attempt(
    sign_up, send, mail_server, lose_answer, verify, owner_connection
):
    sign_up(sent=False)
    lose_answer()
    token = mail_server.token("ada@example.com")
    assert verify(token) == 204
    owner_connection.execute("UPDATE users SET email_verified_at = NULL")

    send()

    assert len(mail_server.to("ada@example.com")) == 2
    assert verify(token) == 422


def test_another_attempt_does_not_end_the_link_of_a_newer_mail(
    sign_up, send, mail_server, lose_answer, verify, owner_connection, make_due
):
    account = sign_up(sent=False)
    lose_answer()
    owner_connection.execute("UPDATE mails SET next_attempt_at = now() + interval '1 minute'")
    path = "/v1/accounts/verify-address/request"
    assert account.client.post(path, headers=account.headers).status_code == 202
    assert "Sent 1," in send().output
    make_due()

    assert send().output == "Sent 0, dropped 1, put off 0, failed 0.\n"
    assert verify(mail_server.token(account.email)) == 204


def test_a_server_that_goes_away_in_between_is_no_crash(sign_up, send, mail_server, state):
    sign_up(sent=False)
    mail_server.refused_recipients["ada@example.com"] = "421 going down"

    result = send()

    assert state()[0] == "waiting"
    assert result.exit_code in (0, 1)
    assert result.exception is None or isinstance(result.exception, SystemExit)


def test_two_senders_send_nothing_twice(mailing, sign_up, mail_server):
    addresses = {f"user{n}@example.com" for n in range(8)}
    for address in addresses:
        sign_up(address, sent=False)
    # The first mail of each sender is held until the other has one too.
    mail_server.hold_until_connections = 2

    def run() -> int:
        with mailing.app_context():
            return delivery.send_due().sent

    with ThreadPoolExecutor(2) as pool:
        sent = [sender.result() for sender in [pool.submit(run), pool.submit(run)]]

    assert Counter(message["To"] for message in mail_server.received) == Counter(addresses)
    assert min(sent) >= 1
    assert sum(sent) == len(addresses)


def test_a_sender_passes_over_what_another_is_claiming(
    sign_up, send, mail_server, owner_connection
):
    sign_up("ada@example.com", sent=False)
    sign_up("bob@example.com", sent=False)
    with owner_connection.transaction():
        owner_connection.execute("SELECT FROM mails WHERE recipient = 'ada@example.com' FOR UPDATE")
        assert "Sent 1," in send().output
        assert [message["To"] for message in mail_server.received] == ["bob@example.com"]

    assert "Sent 1," in send().output
    assert len(mail_server.to("ada@example.com")) == 1


def test_a_mail_withdrawn_after_it_was_claimed_gets_no_token(mailing, sign_up, owner_connection):
    sign_up(sent=False)
    owner_connection.execute("UPDATE mails SET state = 'dropped', ended_at = now()")

    with mailing.app_context():
        act_as(None, scope="accounts")
        assert compose(db.session.scalars(select(Mail)).one()) is None

    assert owner_connection.execute("SELECT count(*) FROM mailed_tokens").fetchone() == (0,)


def test_the_mail_of_a_sender_that_died_is_sent_by_the_next(
    mailing, sign_up, send, mail_server, make_due, monkeypatch, state
):
    sign_up(sent=False)
    with monkeypatch.context() as patch, mailing.app_context():

        def die(_url: object) -> None:
            raise KeyboardInterrupt

        patch.setattr(delivery, "Connection", die)
        with pytest.raises(KeyboardInterrupt):
            delivery.send_due()

    assert "Sent 0" in send().output
    assert state()[0] == "waiting"
    make_due()
    assert "Sent 1" in send().output
    body = {"token": mail_server.token("ada@example.com")}
    client = mailing.test_client()
    assert client.post("/v1/accounts/verify-address", json=body).status_code == 204


@pytest.mark.parametrize("utf8", [True, False])
def test_a_domain_of_other_letters_gets_its_mail(mailing, sign_up, send, mail_server, state, utf8):
    port = mail_server.port
    mail_server.stop()
    mail_server.knows_utf8 = utf8
    mail_server.start(port=port)
    sign_up("ada@m\u00fcller.example")

    assert state("ada@m\u00fcller.example")[0] == "sent"
    assert [message["To"] for message in mail_server.received] == ["ada@xn--mller-kva.example"]


def test_a_mail_about_what_is_settled_is_dropped(sign_up, send, mail_server, owner_connection):
    sign_up(sent=False)
    owner_connection.execute("UPDATE users SET email_verified_at = now()")

    assert send().output == "Sent 0, dropped 1, put off 0, failed 0.\n"
    assert mail_server.received == []


def test_a_mail_goes_with_its_account(sign_up, send, owner_connection, mail_server):
    sign_up(sent=False)
    owner_connection.execute("DELETE FROM users")

    assert send().output == "Sent 0, dropped 0, put off 0, failed 0.\n"


def test_purging_removes_what_ended_long_ago(mailing, sign_up, owner_connection):
    sign_up("ada@example.com")
    sign_up("bob@example.com")
    sign_up("eve@example.com", sent=False)
    owner_connection.execute(
        "UPDATE mails SET ended_at = now() - interval '31 days' WHERE recipient = 'ada@example.com'"
    )
    owner_connection.execute(
        "UPDATE mailed_tokens SET expires_at = now() - interval '31 days' "
        "WHERE email = 'bob@example.com'"
    )

    result = mailing.test_cli_runner().invoke(args=["mail", "purge"])

    assert result.output == "Removed 1 mails and 1 tokens.\n"
    left = owner_connection.execute("SELECT recipient FROM mails").fetchall()
    assert {row[0] for row in left} == {"bob@example.com", "eve@example.com"}
    tokens = owner_connection.execute("SELECT email FROM mailed_tokens").fetchall()
    assert tokens == [("ada@example.com",)]


def test_no_log_line_holds_a_token_or_an_address(sign_up, mail_server, log_lines):
    sign_up("very.private@example.com")

    lines = log_lines()
    assert any("mail handled" in line for line in lines)
    for secret in (
        mail_server.token("very.private@example.com"),
        "very.private",
        SMTP_PASSWORD,
    ):
        assert [line for line in lines if secret in line] == []
