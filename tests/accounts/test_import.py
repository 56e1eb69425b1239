"""Accounts of another system: `flask accounts import`, and their first log-in."""

import json

import bcrypt
import pytest

PASSWORD = "short one"


def hashed(password: str = PASSWORD, prefix: bytes = b"2b") -> str:
    made = bcrypt.hashpw(password.encode()[:72], bcrypt.gensalt(4))
    return made.replace(b"$2b$", b"$%s$" % prefix).decode()


def line(email: str = "ada@example.com", **more: object) -> str:
    return json.dumps({"email": email, "name": "Ada", "password_hash": hashed(), **more})


@pytest.fixture
def run(app, tmp_path):
    def import_(*lines: str | bytes):
        file = tmp_path / "accounts.jsonl"
        encoded = [text if isinstance(text, bytes) else text.encode() for text in lines]
        file.write_bytes(b"\n".join(encoded))
        return app.test_cli_runner().invoke(args=["accounts", "import", str(file)])

    return import_


@pytest.fixture
def log_in(client):
    def send(password: str = PASSWORD, email: str = "ada@example.com"):
        return client.post("/v1/accounts/login", json={"email": email, "password": password})

    return send


@pytest.fixture
def users(owner_connection):
    return lambda: owner_connection.execute("SELECT email FROM users ORDER BY email").fetchall()


def test_accounts_come_with_all_they_have(run, owner_connection):
    result = run(
        line(
            "Ada@Example.com",
            role="admin",
            time_zone="Europe/Vienna",
            locale="de-AT",
            email_verified_at="2024-05-06T07:08:09Z",
            created_at="2020-01-02T03:04:05+01:00",
        ),
        line("bob@example.com"),
    )

    assert result.exit_code == 0, result.output
    assert result.output == "Imported 2 accounts; 0 were there already.\n"
    columns = "role, time_zone, locale, email_verified_at, created_at"
    rows = owner_connection.execute(
        f"SELECT {columns} FROM users ORDER BY email"  # noqa: S608 - our names
    ).fetchall()
    ada, bob = rows
    assert ada[:3] == ("admin", "Europe/Vienna", "de-AT")
    assert [time.timestamp() for time in ada[3:]] == [1714979289, 1577930645]
    assert bob[:4] == ("user", "UTC", "en", None)
    assert bob[4] is not None


@pytest.mark.parametrize("prefix", [b"2a", b"2b", b"2y"])
def test_the_old_password_serves_and_is_hashed_anew(run, log_in, owner_connection, prefix):
    run(line(password_hash=hashed(prefix=prefix)))

    def stored() -> str:
        return owner_connection.execute("SELECT password_hash FROM users").fetchone()[0]

    assert log_in("wrong one").status_code == 401
    assert stored().startswith("$2")
    assert log_in().status_code == 200
    assert stored().startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert log_in().status_code == 200


def test_a_password_longer_than_bcrypt_reads_is_taken_whole_from_then_on(run, log_in):
    long = "ä" * 60
    run(line(password_hash=hashed(long)))

    assert log_in(long).status_code == 200
    assert log_in("ä" * 59).status_code == 401
    assert log_in(long).status_code == 200


def test_a_repeat_changes_nothing(run, log_in, owner_connection):
    run(line(), line("bob@example.com"))
    log_in()
    before = owner_connection.execute("SELECT u::text FROM users u ORDER BY 1").fetchall()

    result = run(line(name="Eve"), line("bob@example.com"), line("eve@example.com"))

    assert result.output == "Imported 1 accounts; 2 were there already.\n"
    after = owner_connection.execute(
        "SELECT u::text FROM users u WHERE email <> 'eve@example.com' ORDER BY 1"
    ).fetchall()
    assert before == after


def test_many_come_in_batches(run, users):
    result = run(*(line(f"user{n}@example.com") for n in range(1203)))

    assert result.output == "Imported 1203 accounts; 0 were there already.\n"
    assert len(users()) == 1203


@pytest.mark.parametrize(
    ("faulty", "fault"),
    [
        ("{", "line 2: is not JSON"),
        (b"\xff\xfe", "line 2: is not JSON"),
        ("[]", "line 2: input: "),
        (line("nobody"), "line 2: email: "),
        (line("ADA@example.com"), "line 2: email: is on line 1 too"),
        (line("b@example.com", name=""), "line 2: name: "),
        (line("b@example.com", name="a\0b"), "line 2: name: must not contain"),
        (line("b@example.com", password_hash="md5:abc"), "line 2: password_hash: must be a bcrypt"),
        (
            line("b@example.com", password_hash=f"$2b$31${'a' * 53}"),
            "line 2: password_hash: must be a bcrypt hash ($2a$, $2b$ or $2y$) of a cost",
        ),
        (line("b@example.com", phone="1"), "line 2: phone: is not a known field"),
        (line("b@example.com", locale="German"), "line 2: locale: "),
        (line("b@example.com", created_at="2020-01-01T00:00:00"), "line 2: created_at: "),
        ('{"email": "b@example.com"}', "line 2: name: is required"),
    ],
)
def test_a_faulty_line_is_named_and_nothing_is_imported(run, users, faulty, fault):
    result = run(line(), faulty, line("c@example.com"))

    assert result.exit_code == 1
    assert result.output.startswith("Error: Nothing was imported.\n")
    assert fault in result.output
    assert "md5:abc" not in result.output
    assert users() == []


def test_all_faults_are_named_at_once(run):
    result = run("{", "", line("nobody"), line("b@example.com", role="root", locale="x"))

    named = [text.split(":")[0] for text in result.output.splitlines()[1:]]
    assert named == ["line 1", "line 3", "line 4", "line 4"]


def test_empty_lines_and_the_mark_of_an_editor_are_passed_over(run, users):
    result = run(b"\xef\xbb\xbf" + line().encode(), "", "  ", line("bob@example.com"))

    assert result.exit_code == 0, result.output
    assert users() == [("ada@example.com",), ("bob@example.com",)]


def test_an_empty_file_is_no_fault(run):
    assert run("").output == "Imported 0 accounts; 0 were there already.\n"


@pytest.mark.parametrize(
    "stored", ["", "x", "md5:abc", "$2b$04$tooshort", "$2b$31$" + "a" * 53, "$argon2id$changed"]
)
def test_a_hash_of_no_known_kind_lets_nobody_in(register, log_in, owner_connection, stored):
    account = register("ada@example.com")
    owner_connection.execute("UPDATE users SET password_hash = %s", [stored])

    assert log_in(account.password).status_code == 401
    changed = account.client.post(
        "/v1/accounts/me/password",
        json={"current_password": account.password, "new_password": "some other long words"},
        headers=account.headers,
    )
    assert changed.status_code == 422


def test_no_hash_is_logged(run, log_lines, owner_connection):
    run(line())
    (stored,) = owner_connection.execute("SELECT password_hash FROM users").fetchone()

    assert any("accounts imported" in text for text in log_lines())
    assert [text for text in log_lines() if stored in text] == []
