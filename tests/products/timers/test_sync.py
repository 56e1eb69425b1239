"""Timers through the sync adapters."""

from tests.conftest import Account
from tests.products.timers.conftest import call, create_key, payload, problem
from tests.sync.conftest import Rxdb, Watermelon


def document(row_id: str = "t1", **changes):
    return {
        "id": row_id,
        "due_at": "2027-01-01T08:00:00+00:00",
        "time_zone": None,
        "all_day": False,
        "finished": False,
        **payload(),
        "_deleted": False,
        **changes,
    }


def test_a_pushed_timer_is_pulled_as_it_was_and_edited_again(user: Account) -> None:
    phone, laptop = Rxdb(user), Rxdb(user)
    first = document(ciphertext="QUJD" * 100)
    phone.store("timers", (first, None))
    assert laptop.documents("timers") == {"t1": first}
    shown = call(user, "GET", "/v1/timers/t1").get_json()
    assert shown["ciphertext"] == first["ciphertext"]
    second = {**first, **payload()}
    laptop.store("timers", (second, first))
    assert phone.push("timers", ({**first, **payload()}, first)).get_json() == [second]
    laptop.store("timers", ({**second, "_deleted": True}, second))
    assert call(user, "GET", "/v1/timers/t1").status_code == 404


def test_a_push_that_reuses_a_nonce_stores_nothing(user: Account) -> None:
    device = Rxdb(user)
    one = document()
    two = document("t2", nonce=one["nonce"])
    answer = device.push("timers", (one, None), (two, None))
    assert problem(answer) == (409, "nonce-reused")
    assert call(user, "GET", "/v1/timers").get_json()["items"] == []
    device.store("timers", (one, None))
    assert device.push("timers", (two, None)).status_code == 409


def test_a_key_must_be_there(user: Account) -> None:
    device = Rxdb(user)
    answer = device.push("timers", (document(key_id="k2"), None))
    assert answer.status_code == 422
    create_key(user, "k2", replaces="k1")
    device.store("timers", (document(key_id="k2"), None))


def test_watermelondb_gets_text_and_numbers(user: Account) -> None:
    device = Watermelon(user)
    device.pull()
    row = document()
    Rxdb(user).store("timers", (row, None))
    (found,) = device.changes()["timers"]["updated"]
    assert (found["ciphertext"], found["nonce"]) == (row["ciphertext"], row["nonce"])
    new = {**found, **payload()}
    pushed = device.push({"timers": {"updated": [new]}})
    assert pushed.status_code == 204, pushed.text
    assert call(user, "GET", "/v1/timers/t1").get_json()["ciphertext"] == new["ciphertext"]
