"""Export of all one's data: a zip that is made while it is sent."""

import io
import re
import zipfile
from base64 import b64encode

import orjson
import pytest
from sqlalchemy import column, inspect, select, table, text

from app.accounts import export as export_module
from app.accounts import hooks, reading
from app.accounts.export import _to_json
from app.database.purge import owned_models
from app.extensions import db
from app.settings import Environment
from tests.conftest import Account

ALWAYS = {
    "profile.json",
    "second_factor.json",
    "devices.json",
    "active_days.json",
    "sync_sessions.json",
    "mails.json",
    "audit_events.json",
}
LEFT_OUT = {
    "mailed_tokens": "digests that open the account; mails.json has what was sent",
    "second_factors": "the secret; second_factor.json tells whether it is on",
    "recovery_codes": "digests that open the account; second_factor.json has their number",
    "sync_state": "counters of the feed, which the rows carry",
    "review_authors": "the id is in each row of user_reviews, the name in the profile",
    "timer_nonces": "random numbers that serve no more, and digests of ciphertexts",
}


@pytest.fixture
def export(client):
    """Export an account's data and read the zip."""

    def get(account) -> zipfile.ZipFile:
        answer = client.get("/v1/accounts/export", headers=account.headers)
        assert answer.status_code == 200, answer.text
        archive = zipfile.ZipFile(io.BytesIO(answer.data))
        assert archive.testzip() is None
        return archive

    return get


@pytest.fixture
def demo(make_app, client) -> Account:
    """The demo account, which has rows of every product."""
    runner = make_app(environment=Environment.DEVELOPMENT).test_cli_runner()
    told = runner.invoke(args=["seed"]).output
    password = re.findall(r"demo@example.com with the password (\S+)", told)[0]
    body = {"email": "demo@example.com", "password": password}
    session = client.post("/v1/accounts/login", json=body).get_json()
    return Account(session["user"]["id"], body["email"], password, session["tokens"], client)


@pytest.fixture
def extra_file():
    """Something that another package adds to exports."""

    @hooks.on_export
    def exporter(reader):
        yield f"files/{reader.user_id}.txt", (part for part in (b"two ", b"parts"))

    yield exporter
    hooks.exporters.remove(exporter)


def read(archive: zipfile.ZipFile, name: str):
    return orjson.loads(archive.read(name))


def test_every_owned_table_is_in_it_whole(demo, register, export, owner_connection):
    other = register()
    other.client.post(
        "/v1/habits", json={"name": "Eve's", "start_date": "2026-01-01"}, headers=other.headers
    )
    declared = demo.client.post(
        "/v1/files",
        json={
            **{"id": "f1", "name": "a.txt", "purpose": "attachment"},
            **{"content_type": "text/plain", "size": 1, "sha256": "0" * 64},
        },
        headers=demo.headers,
    )
    assert declared.status_code == 201, declared.text
    review = {"id": "moby-dick", "rating": 1}
    author = other.client.post("/v1/reviews", json=review, headers=other.headers).get_json()
    reported = demo.client.post(
        f"/v1/books/moby-dick/reviews/{author['author_id']}/report",
        json={"reason": "spam"},
        headers=demo.headers,
    )
    assert reported.status_code == 201, reported.text
    archive = export(demo)
    tables = [str(inspect(model).local_table) for model in owned_models()]

    assert set(archive.namelist()) == ALWAYS | {f"{name}.json" for name in tables}
    assert len(tables) >= 2
    for name in tables:
        mine = select(column("id")).select_from(table(name)).where(text("user_id = %s"))
        ids = {row[0] for row in owner_connection.execute(str(mine), [demo.id])}
        rows = read(archive, f"{name}.json")
        assert {row["id"] for row in rows} == ids, name
        assert {row["user_id"] for row in rows} == {demo.id}, name
        assert len(rows) == len(ids) > 0, name


def test_every_table_with_rows_of_users_is_in_it_or_left_out_for_a_reason(
    register, export, owner_connection
):
    tables = owner_connection.execute(
        "SELECT table_name FROM information_schema.columns "
        "JOIN pg_class ON pg_class.oid = to_regclass(format('public.%I', table_name)) "
        "WHERE table_schema = 'public' AND column_name = 'user_id' "
        "AND relkind IN ('r', 'p') AND NOT relispartition"
    ).fetchall()

    exported = {name.removesuffix(".json") for name in export(register()).namelist()}

    assert {name for (name,) in tables} - exported == LEFT_OUT.keys()


def test_rounds_of_sync_are_in_it(register, export):
    account = register()
    path = "/v1/sync/habits/pull"
    assert account.client.get(path, headers=account.headers).status_code == 200

    (row,) = read(export(account), "sync_sessions.json")

    assert (row["user_id"], row["device_id"]) == (account.id, account.tokens["device_id"])
    assert (row["client"], row["rounds"]) == ("rxdb", 1)


def test_mails_are_in_it_but_not_what_the_mail_server_said(sign_up, export, owner_connection):
    account, other = sign_up(), sign_up("eve@example.com")
    owner_connection.execute("UPDATE mails SET last_error = 'refused by mx.example.com'")

    (row,) = read(export(account), "mails.json")

    assert (row["template"], row["recipient"]) == ("verify-address", account.email)
    assert row["state"] == "sent"
    assert "last_error" not in row
    assert [mail["recipient"] for mail in read(export(other), "mails.json")] == [other.email]


def test_whether_the_second_factor_is_on_is_in_it_but_no_secret(register, export, second_factor):
    account = register()
    assert read(export(account), "second_factor.json")["enabled"] is False
    factor = second_factor(account)

    archive = export(account)

    told = {"enabled": True, "recovery_codes_left": 10}
    assert read(archive, "second_factor.json") == told
    content = b"".join(archive.read(name) for name in archive.namelist())
    assert factor.secret.encode() not in content


def test_profile_devices_and_events_are_in_it_but_no_secret(register, export, owner_connection):
    account = register()

    archive = export(account)

    profile = read(archive, "profile.json")
    assert (profile["id"], profile["email"], profile["name"]) == (account.id, account.email, "Ada")
    (device,) = read(archive, "devices.json")
    assert (device["id"], device["name"]) == (account.tokens["device_id"], "phone")
    kinds = [event["kind"] for event in read(archive, "audit_events.json")]
    assert kinds == ["account.registered", "account.exported"]
    assert len(read(archive, "active_days.json")) == 1
    content = b"".join(archive.read(name) for name in archive.namelist())
    assert b"hash" not in content
    assert b"$argon2id" not in content


def test_an_empty_table_is_an_empty_list(register, export):
    assert read(export(register()), "user_habits.json") == []


def test_deleted_rows_that_still_exist_are_in_it(register, export, client):
    account = register()
    habit = {"id": "run", "name": "Run", "start_date": "2026-01-01"}
    client.post("/v1/habits", json=habit, headers=account.headers)
    client.delete("/v1/habits/run", headers=account.headers)

    (row,) = read(export(account), "user_habits.json")

    assert row["id"] == "run"
    assert row["deleted_at"]


def test_many_rows_come_in_batches_each_once(register, export, owner_connection, monkeypatch):
    monkeypatch.setattr(reading, "BATCH", 7)
    account = register()
    owner_connection.execute(
        "INSERT INTO user_habits (user_id, id, name, schedule, start_date, active) "
        "SELECT %s, 'h' || n, 'x', 'daily', '2026-01-01', true FROM generate_series(1, 21) n",
        [account.id],
    )

    rows = read(export(account), "user_habits.json")

    assert sorted(row["id"] for row in rows) == sorted(f"h{n}" for n in range(1, 22))


def test_while_a_client_reads_slowly_no_connection_is_held(app, register, owner_connection):
    account = register()
    owner_connection.execute(
        "INSERT INTO user_habits (user_id, id, name, schedule, start_date, active, description) "
        "SELECT %s, 'h' || n, 'x', 'daily', '2026-01-01', true, repeat(gen_random_uuid()::text, 20)"
        " FROM generate_series(1, 3000) n",
        [account.id],
    )
    with app.app_context():
        pool = db.engine.pool
    answer = app.test_client().get("/v1/accounts/export", headers=account.headers, buffered=False)
    sizes, used = [], set()
    for chunk in answer.iter_encoded():
        sizes.append(len(chunk))
        used.add(pool.checkedout())

    assert used == {0}
    assert len(sizes) > 10
    assert max(sizes) < sum(sizes) / 3


def test_other_packages_add_files(register, export, extra_file):
    account = register()

    archive = export(account)

    assert archive.read(f"files/{account.id}.txt") == b"two parts"


def test_a_fault_on_the_way_leaves_no_whole_zip(app, register, monkeypatch):
    account = register()

    def failing(_reader):
        yield "files/a.txt", iter([b"begun"])
        raise OSError("the storage is gone")

    monkeypatch.setattr(hooks, "exporters", [failing])
    monkeypatch.setattr(export_module, "exporters", hooks.exporters)
    chunks = app.test_client().get("/v1/accounts/export", headers=account.headers).iter_encoded()
    received = []

    with pytest.raises(OSError, match="storage is gone"):
        received.extend(chunks)

    with pytest.raises(zipfile.BadZipFile):
        zipfile.ZipFile(io.BytesIO(b"".join(received)))


def test_it_is_a_file_to_save(register, client):
    account = register()

    answer = client.get("/v1/accounts/export", headers=account.headers)

    assert answer.mimetype == "application/zip"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="export.zip"'
    assert answer.headers["Cache-Control"] == "no-store"


def test_exports_are_limited(make_app, register):
    account, other = register(), register()
    client = make_app(rate_limits_enabled=True, rate_limit_export="2 per hour").test_client()

    def get(who) -> int:
        return client.get("/v1/accounts/export", headers=who.headers).status_code

    assert [get(account) for _ in range(3)] == [200, 200, 429]
    assert get(other) == 200


def test_what_a_client_encrypted_is_written_as_base64():
    assert orjson.loads(_to_json({"a": b"\x00\xff"})) == {"a": b64encode(b"\x00\xff").decode()}
