"""Timers through the API."""

import re
from base64 import b64decode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from apiflask import APIFlask
from flask.testing import FlaskClient

from tests.conftest import Account
from tests.products.timers.conftest import call, create, payload, problem, random_base64, timer


def test_a_timer_is_created_shown_changed_and_deleted(user: Account) -> None:
    sent = timer(time_zone="Europe/Vienna")
    created = call(user, "POST", "/v1/timers", sent)
    assert created.status_code == 201
    shown = call(user, "GET", "/v1/timers/t1")
    assert shown.headers["ETag"] == created.headers["ETag"]
    assert shown.get_json().items() >= {**sent, "due_at": "2027-01-01T08:00:00Z"}.items()
    assert (shown.get_json()["all_day"], shown.get_json()["finished"]) == (False, False)
    changed = call(user, "PATCH", "/v1/timers/t1", {"finished": True})
    assert changed.get_json()["finished"] is True
    assert changed.get_json()["ciphertext"] == sent["ciphertext"]
    assert changed.headers["ETag"] != created.headers["ETag"]
    assert call(user, "DELETE", "/v1/timers/t1").status_code == 204
    assert call(user, "GET", "/v1/timers/t1").status_code == 404
    assert call(user, "DELETE", "/v1/timers/t1").status_code == 404
    assert call(user, "PATCH", "/v1/timers/t1", {"finished": True}).status_code == 404


def test_a_repeat_after_a_lost_reply_does_no_harm(user: Account) -> None:
    sent = timer()
    first = call(user, "POST", "/v1/timers", sent)
    again = call(user, "POST", "/v1/timers", sent)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.get_json() == first.get_json()
    other = call(user, "POST", "/v1/timers", timer())
    assert problem(other) == (409, "conflict")


def test_the_first_request_sent_several_times_at_once_does_no_harm(
    user: Account, app: APIFlask
) -> None:
    for number in range(3):
        sent = timer(id=f"t{number}")

        def send(_: int, sent: dict[str, Any] = sent) -> int:
            client = app.test_client()
            return client.post("/v1/timers", json=sent, headers=user.headers).status_code

        with ThreadPoolExecutor(4) as pool:
            assert sorted(pool.map(send, range(4))) == [200, 200, 200, 201]


def test_a_deleted_timer_comes_back_with_new_content(user: Account) -> None:
    create(user)
    call(user, "DELETE", "/v1/timers/t1")
    assert create(user, finished=True)["finished"] is True


def test_a_stale_if_match_gets_the_current_row(user: Account) -> None:
    first = create(user)["rev"]
    newer = call(user, "PATCH", "/v1/timers/t1", payload()).get_json()
    for method, body in (("PATCH", {"finished": True}), ("DELETE", None)):
        refused = call(user, method, "/v1/timers/t1", body, If_Match=f'"{first}"')
        assert problem(refused) == (412, "precondition-failed")
        assert refused.get_json()["current"] == newer
    match = f'"{newer["rev"]}"'
    accepted = call(user, "PATCH", "/v1/timers/t1", {"finished": True}, If_Match=match)
    assert accepted.status_code == 200


def test_an_unchanged_row_is_not_sent_again(user: Account) -> None:
    create(user)
    etag = call(user, "GET", "/v1/timers/t1").headers["ETag"]
    answer = call(user, "GET", "/v1/timers/t1", If_None_Match=etag)
    assert (answer.status_code, answer.data) == (304, b"")
    # A change to what it is already makes no new revision.
    same = call(user, "PATCH", "/v1/timers/t1", {"finished": False})
    assert same.headers["ETag"] == etag


def test_a_new_payload_comes_whole(user: Account) -> None:
    create(user)
    new = payload()
    for name in new:
        part = {key: value for key, value in new.items() if key != name}
        refused = call(user, "PATCH", "/v1/timers/t1", part)
        assert refused.status_code == 422
        fault = {"field": name, "detail": "is required in a new payload"}
        assert refused.get_json()["errors"] == [fault]
    changed = call(user, "PATCH", "/v1/timers/t1", new)
    assert changed.get_json().items() >= new.items()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"due_at": "1899-12-31T23:59:59Z"}, "due_at"),
        ({"due_at": "2200-01-01T00:00:01Z"}, "due_at"),
        ({"due_at": "2027-01-01T00:00:00"}, "due_at"),
        ({"due_at": 1767225600}, "due_at"),
        ({"time_zone": "Europe/Atlantis"}, "time_zone"),
        ({"all_day": 1}, "all_day"),
        ({"all_day": True}, "time_zone"),
        ({"all_day": True, "time_zone": "Europe/Vienna"}, "due_at"),
        ({"key_id": "k2"}, "key_id"),
        ({"algorithm": "AES-128-GCM"}, "algorithm"),
        ({"nonce": random_base64(11)}, "nonce"),
        ({"nonce": random_base64(13)}, "nonce"),
        ({"ciphertext": random_base64(15)}, "ciphertext"),
        ({"ciphertext": random_base64(16385)}, "ciphertext"),
        # Not base64; of another alphabet; unpadded; spaced; with spare bits; no text.
        ({"ciphertext": "A" * 23 + "!"}, "ciphertext"),
        ({"ciphertext": "_" * 24}, "ciphertext"),
        ({"ciphertext": "A" * 22}, "ciphertext"),
        ({"ciphertext": "A" * 12 + "\n" + "A" * 12}, "ciphertext"),
        ({"ciphertext": "A" * 21 + "B=="}, "ciphertext"),
        ({"ciphertext": "é" * 24}, "ciphertext"),
        ({"ciphertext": 7}, "ciphertext"),
        ({"ciphertext": None}, "ciphertext"),
        ({"title": "in clear"}, "title"),
        ({"id": "a/b"}, "id"),
        ({"id": None}, "id"),
    ],
)
def test_each_fault_is_named(user: Account, changes: dict[str, Any], field: str) -> None:
    answer = call(user, "POST", "/v1/timers", timer(**changes))
    assert answer.status_code == 422
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]
    assert call(user, "GET", "/v1/timers").get_json()["items"] == []


@pytest.mark.parametrize("size", [16, 17, 18, 16384])
def test_bytes_come_back_as_they_were(user: Account, size: int) -> None:
    sent = timer(ciphertext=random_base64(size))
    assert call(user, "POST", "/v1/timers", sent).status_code == 201
    shown = call(user, "GET", "/v1/timers/t1").get_json()["ciphertext"]
    assert shown == sent["ciphertext"]
    assert len(b64decode(shown)) == size


@pytest.mark.parametrize(
    ("due_at", "zone", "status"),
    [
        ("2027-06-11T22:00:00Z", "Europe/Vienna", 201),
        ("2027-06-12T00:00:00+02:00", "Europe/Vienna", 201),
        ("2027-06-11T22:00:01Z", "Europe/Vienna", 422),
        ("2027-06-11T22:00:00Z", "Europe/London", 422),
        # In Beirut the clocks go from midnight to one: the day begins at one.
        ("2026-03-28T22:00:00Z", "Asia/Beirut", 201),
        ("2026-03-28T23:00:00Z", "Asia/Beirut", 422),
        # In Havana midnight comes twice when they go back; the day begins with the first.
        ("2026-11-01T04:00:00Z", "America/Havana", 201),
        ("2026-11-01T05:00:00Z", "America/Havana", 422),
        ("1900-01-01T00:00:00Z", "UTC", 201),
    ],
)
def test_an_all_day_timer_is_due_when_its_day_begins(
    user: Account, due_at: str, zone: str, status: int
) -> None:
    sent = timer(due_at=due_at, time_zone=zone, all_day=True)
    assert call(user, "POST", "/v1/timers", sent).status_code == status


def test_a_change_is_checked_with_what_it_leaves(user: Account) -> None:
    create(user, due_at="2027-06-11T22:00:00Z", time_zone="Europe/Vienna", all_day=True)
    moved = call(user, "PATCH", "/v1/timers/t1", {"time_zone": "Europe/London"})
    assert moved.status_code == 422
    body = {"time_zone": "Europe/London", "due_at": "2027-06-11T23:00:00Z"}
    assert call(user, "PATCH", "/v1/timers/t1", body).status_code == 200


def test_the_document_tells_how_bytes_are_sent(client: FlaskClient) -> None:
    schemas = client.get("/openapi.json").get_json()["components"]["schemas"]
    sent = schemas["TimerInput"]["properties"]
    assert (sent["nonce"]["contentEncoding"], sent["nonce"]["pattern"]) == (
        "base64",
        "^[A-Za-z0-9+/]{16,16}={0,2}$",
    )
    pattern = sent["ciphertext"]["pattern"]
    for size, fits in ((15, False), (16, True), (16384, True), (16386, False)):
        assert bool(re.fullmatch(pattern, random_base64(size))) == fits, size
    salt = schemas["TimerKeyInput"]["properties"]["salt"]
    assert salt["description"] == "16 to 64 bytes as base64 with padding."
    assert schemas["TimerOutput"]["properties"]["nonce"]["contentEncoding"] == "base64"


def ids(user: Account, query: str = "") -> list[str]:
    answer = call(user, "GET", f"/v1/timers?{query}")
    assert answer.status_code == 200, answer.text
    return [item["id"] for item in answer.get_json()["items"]]


def test_the_list_is_of_a_range_of_moments(user: Account) -> None:
    for hour in (9, 8, 10):
        create(user, id=f"t{hour}", due_at=f"2027-01-01T{hour:02}:00:00Z", finished=hour == 8)
    assert ids(user) == ["t8", "t9", "t10"]
    assert ids(user, "due_from=2027-01-01T09:00:00Z") == ["t9", "t10"]
    assert ids(user, "due_before=2027-01-01T09:00:00Z") == ["t8"]
    assert ids(user, "due_from=2027-01-01T10:00:00%2B01:00&due_before=2027-01-01T10:00:00Z") == [
        "t9"
    ]
    assert ids(user, "finished=true") == ["t8"]
    assert ids(user, "finished=false") == ["t9", "t10"]
    call(user, "DELETE", "/v1/timers/t9")
    assert ids(user) == ["t8", "t10"]


def test_pages_are_complete_and_stable(user: Account) -> None:
    moments = ["2027-01-01T08:00:00.000001Z"] * 3 + ["2027-01-01T08:00:00.000002Z"] * 2
    for number, moment in enumerate(moments):
        create(user, id=f"t{number}", due_at=moment)
    seen: list[str] = []
    after = ""
    while after is not None:
        query = f"limit=2&after={after}" if after else "limit=2"
        page = call(user, "GET", f"/v1/timers?{query}").get_json()
        seen += [item["id"] for item in page["items"]]
        if len(seen) == 2:
            create(user, id="t00", due_at=moments[0])
        after = page["next"]
    # What is made behind the cursor is not seen any more; nothing is left out or repeated.
    assert seen == ["t0", "t1", "t2", "t3", "t4"]


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "after=%25",
        # ["x", "t"], ["2027-01-01T00:00:00", "t"], and a moment of the year 1.
        "after=WyJ4IiwidCJd",
        "after=WyIyMDI3LTAxLTAxVDAwOjAwOjAwIiwidCJd",
        "after=WyIwMDAxLTAxLTAxVDAwOjAwOjAwKzE0OjAwIiwidCJd",
        "due_from=2027",
        "due_from=2027-01-01T00:00:00",
        "due_before=2300-01-01T00:00:00Z",
        "title=x",
    ],
)
def test_a_bad_query_is_refused(user: Account, query: str) -> None:
    assert call(user, "GET", f"/v1/timers?{query}").status_code == 422


@pytest.mark.parametrize("moment", ["1899-12-31T23:59:59Z", "2200-01-01T00:00:01Z"])
def test_the_range_of_moments_is_told_as_clients_write_them(user: Account, moment: str) -> None:
    fault = "must be from 1900-01-01T00:00:00Z to 2200-01-01T00:00:00Z"
    created = call(user, "POST", "/v1/timers", timer(due_at=moment))
    assert created.get_json()["errors"] == [{"field": "due_at", "detail": fault}]
    listed = call(user, "GET", f"/v1/timers?due_from={moment}")
    assert listed.get_json()["errors"] == [{"field": "due_from", "detail": fault}]


def test_another_user_gets_404_everywhere(user: Account, register: Callable[..., Account]) -> None:
    create(user)
    other = register()
    for method, path, body in (
        ("GET", "/v1/timers/t1", None),
        ("PATCH", "/v1/timers/t1", {"finished": True}),
        ("DELETE", "/v1/timers/t1", None),
        ("GET", "/v1/timer-keys/k1", None),
    ):
        assert call(other, method, path, body).status_code == 404, (method, path)
    assert call(other, "GET", "/v1/timers").get_json()["items"] == []
    assert call(other, "GET", "/v1/timer-keys").get_json()["items"] == []
    # Nor does another's key serve.
    assert call(other, "POST", "/v1/timers", timer()).status_code == 422
