"""Reading the log: own events, and all for an administrator."""

from datetime import UTC, datetime, timedelta

import pytest

from app.pages import encode_cursor

NOBODYS = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def read(client):
    def get(account, path: str = "/v1/admin/audit", **query):
        return client.get(path, query_string=query, headers=account.headers)

    return get


def test_each_sees_their_own(register, read):
    ada, eve = register(), register()
    for _ in range(2):
        read(ada, "/v1/admin/flags")

    own = read(ada, "/v1/audit").get_json()["items"]
    others = read(eve, "/v1/audit").get_json()["items"]

    assert [e["kind"] for e in own] == ["access.refused", "access.refused", "account.registered"]
    assert [e["kind"] for e in others] == ["account.registered"]
    assert "user_id" not in own[0]


def test_the_log_of_all_is_for_administrators(register, read):
    answer = read(register())

    assert answer.status_code == 403
    assert answer.get_json()["type"] == "urn:fivebox:problem:forbidden"


def test_an_administrator_sees_all(register, admin, read, client):
    ada = register()
    client.post("/v1/accounts/login", json={"email": "x@example.com", "password": "x"})

    items = read(admin).get_json()["items"]

    assert [(e["kind"], e["user_id"]) for e in items] == [
        ("account.login", None),
        ("account.registered", ada.id),
        ("account.registered", admin.id),
    ]


def test_that_an_administrator_read_is_told(register, admin, read):
    ada = register()
    read(admin, user_id=ada.id, kind="account.login")

    event = read(admin).get_json()["items"][0]

    assert (event["kind"], event["user_id"], event["actor"]) == ("audit.read", admin.id, "admin")
    assert event["details"] == {"user": ada.id, "filters": ["kind", "user_id"]}


def test_filters(register, admin, read):
    ada, eve = register(), register()
    before = datetime.now(UTC)
    read(ada, "/v1/admin/flags")

    def found(**query) -> list[tuple[str, str]]:
        items = read(admin, **query).get_json()["items"]
        return [(e["kind"], e["user_id"]) for e in items if e["user_id"] != admin.id]

    refused, first, second = (
        ("access.refused", ada.id),
        ("account.registered", ada.id),
        ("account.registered", eve.id),
    )
    assert found(user_id=ada.id) == [refused, first]
    assert found(kind="account.registered") == [second, first]
    assert found(start=before.isoformat()) == [refused]
    assert found(end=before.isoformat()) == [second, first]
    assert found(user_id=NOBODYS) == []


def test_pages_neither_repeat_nor_lose(admin, read, owner_connection):
    owner_connection.execute(
        "INSERT INTO audit_events (occurred_at, user_id, actor, kind, outcome) "
        "SELECT '2026-01-01 10:00+00', %s, 'user', 'test.same_time', 'succeeded' "
        "FROM generate_series(1, 5)",
        [admin.id],
    )
    ids, query = [], {"limit": 2, "kind": "test.same_time"}
    while query:
        page = read(admin, "/v1/audit", **query).get_json()
        ids += [event["id"] for event in page["items"]]
        query = page["next"] and {**query, "after": page["next"]}

    assert len(ids) == len(set(ids)) == 5


@pytest.mark.parametrize("path", ["/v1/audit", "/v1/admin/audit"])
@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"after": "nonsense"}, "after"),
        ({"after": encode_cursor("x", NOBODYS)}, "after"),
        ({"after": encode_cursor("2026-01-01T00:00:00+00:00", "x")}, "after"),
        ({"kind": "no kind"}, "kind"),
        ({"start": "yesterday"}, "start"),
        ({"end": "2026-01-01T00:00:00"}, "end"),
        ({"limit": "0"}, "limit"),
    ],
)
def test_a_faulty_query_is_refused(admin, read, path, query, field):
    answer = read(admin, path, **query)

    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]


def test_a_user_cannot_ask_for_another(register, read):
    answer = read(register(), "/v1/audit", user_id=NOBODYS)

    assert answer.status_code == 422


def test_the_time_is_that_of_the_act(register, read):
    before = datetime.now(UTC) - timedelta(seconds=1)
    (event,) = read(register(), "/v1/audit").get_json()["items"]

    assert before < datetime.fromisoformat(event["occurred_at"]) < datetime.now(UTC)
