"""The client of docs/products/timers.md, as it is there, against a running API."""

import base64
import importlib.util
import re
import secrets
import subprocess
import sys
import threading
import urllib.error
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import psycopg
import pytest
from apiflask import APIFlask
from werkzeug.serving import make_server

from tests.conftest import Account

DUE = "2027-01-01T08:00:00Z"
PASSPHRASE = "seven gentle otters"
SECRET = {"title": "Call the notary", "notes": "about grandmother's house"}


@pytest.fixture
def blocks(project: Path) -> list[str]:
    """The Python of the page: the client, and the example."""
    page = (project / "docs" / "products" / "timers.md").read_text()
    return re.findall(r"^```python\n(.*?)^```", page, re.M | re.S)


@pytest.fixture
def reference(blocks: list[str], tmp_path: Path) -> ModuleType:
    """The client as a module, in a file that the example finds too."""
    file = tmp_path / "timers_client.py"
    file.write_text(blocks[0])
    spec = importlib.util.spec_from_file_location("timers_client", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def address(app: APIFlask) -> Iterator[str]:
    """Where the API listens."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()


@pytest.fixture
def user(register: Callable[..., Account]) -> Account:
    return register()


@pytest.fixture
def device(reference: ModuleType, address: str, user: Account) -> Callable[[], Any]:
    """Make a device of the user, with nothing on it."""
    return lambda: reference.TimersClient(address, user.tokens["access_token"])


@pytest.fixture
def phone(device: Callable[[], Any]) -> Any:
    """A device that is set up."""
    phone = device()
    phone.add_key(PASSPHRASE)
    return phone


def payloads(client: Any) -> list[Any]:
    return [payload for _, payload in client.timers()]


def test_the_example_does_as_it_says(
    reference: ModuleType, blocks: list[str], address: str, user: Account, project: Path
) -> None:
    page = (project / "docs" / "products" / "timers.md").read_text()
    (shown,) = re.findall(r"^```text\n(.*?)^```", page, re.M | re.S)
    example = blocks[1].replace("http://127.0.0.1:8000", address)
    example = example.replace("an access token", user.tokens["access_token"])

    done = subprocess.run(
        [sys.executable, "-c", example],
        cwd=Path(str(reference.__file__)).parent,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (done.stdout, done.stderr) == (shown, "")


def test_a_second_device_reads_and_writes(phone: Any, device: Callable[[], Any]) -> None:
    phone.create(SECRET, DUE)
    laptop = device()
    laptop.unlock(PASSPHRASE)
    ((timer, payload),) = laptop.timers()
    assert payload == SECRET
    laptop.save(timer, {"title": "Done"}, finished=True)
    assert payloads(phone) == [{"title": "Done"}]
    assert [p for _, p in phone.timers(finished="false")] == []


def test_a_passphrase_may_be_spelled_in_another_form(
    device: Callable[[], Any], reference: ModuleType
) -> None:
    device().add_key("caf\u00e9 otters")
    device().unlock("cafe\u0301 otters")
    with pytest.raises(reference.WrongPassphrase):
        device().unlock("cafe otters")


def test_a_wrong_passphrase_opens_nothing(
    phone: Any, device: Callable[[], Any], reference: ModuleType
) -> None:
    phone.create(SECRET, DUE)
    laptop = device()
    with pytest.raises(reference.WrongPassphrase):
        laptop.unlock("seven noisy otters")
    assert laptop.keys == {}
    with pytest.raises(reference.WrongPassphrase):
        laptop.add_key("seven noisy otters")
    with pytest.raises(reference.WrongPassphrase):
        laptop.change_passphrase("seven noisy otters", "mine now")
    device().unlock(PASSPHRASE)


def test_nothing_secret_reaches_the_server(
    phone: Any, user: Account, owner_connection: psycopg.Connection
) -> None:
    timer = phone.create(SECRET, DUE)
    rows = owner_connection.execute(
        "SELECT t::text || k::text || n::text, t.ciphertext, k.wrapped_key FROM user_timers t, "
        "user_timer_keys k, timer_nonces n"
    ).fetchall()
    assert len(rows) == 1
    text, ciphertext, wrapped = rows[0]
    (data_key,) = phone.keys.values()
    for secret in ("notary", "grandmother", "otters", data_key.hex()):
        assert secret not in text
    for secret in (b"notary", b"otters", data_key):
        assert secret not in ciphertext + wrapped
    # Spaces hide how long the texts are.
    short = phone.create({"title": "x"}, DUE)
    assert len(short["ciphertext"]) == len(timer["ciphertext"])


def test_payloads_swapped_between_rows_are_detected(
    phone: Any, reference: ModuleType, owner_connection: psycopg.Connection
) -> None:
    rows = [phone.create({"title": title}, DUE) for title in ("first", "second")]
    # One who has the server keeps to no rule of it.
    owner_connection.execute("SET session_replication_role = replica")
    owner_connection.execute(
        "UPDATE user_timers AS t SET nonce = o.nonce, ciphertext = o.ciphertext "
        "FROM user_timers AS o WHERE o.user_id = t.user_id AND o.id <> t.id"
    )
    for row, other in zip(rows, reversed(rows), strict=True):
        stored = phone.call("GET", f"/v1/timers/{row['id']}")
        assert stored["ciphertext"] == other["ciphertext"]
        with pytest.raises(reference.Tampered):
            phone.decrypt(stored)
        # It is the row's id alone that is wrong.
        assert phone.decrypt({**stored, "id": other["id"]})


@pytest.mark.parametrize("part", ["nonce", "ciphertext"])
def test_every_altered_bit_is_detected(phone: Any, reference: ModuleType, part: str) -> None:
    row = phone.create({"title": "x"}, DUE)
    data = base64.b64decode(row[part])
    for position in range(len(data)):
        altered = bytearray(data)
        altered[position] ^= 1
        with pytest.raises(reference.Tampered):
            phone.decrypt({**row, part: base64.b64encode(altered).decode()})


def test_a_payload_said_to_be_of_another_key_is_detected(phone: Any, reference: ModuleType) -> None:
    row = phone.create(SECRET, DUE)
    # Even when both ids lead to the same bytes.
    phone.keys["other"] = phone.keys[phone.current]
    for changes in ({"key_id": "other"}, {"key_id": "unknown"}, {"algorithm": "none"}):
        with pytest.raises(reference.Tampered):
            phone.decrypt({**row, **changes})


@pytest.mark.parametrize(
    "change",
    [
        "wrapped_key = set_byte(wrapped_key, 0, get_byte(wrapped_key, 0) # 1)",
        "nonce = set_byte(nonce, 0, get_byte(nonce, 0) # 1)",
        "salt = set_byte(salt, 0, get_byte(salt, 0) # 1)",
        "iterations = iterations + 1",
    ],
)
def test_altered_keys_are_detected(
    phone: Any,
    device: Callable[[], Any],
    reference: ModuleType,
    owner_connection: psycopg.Connection,
    change: str,
) -> None:
    owner_connection.execute(f"UPDATE user_timer_keys SET {change}")  # type: ignore[arg-type] # noqa: S608
    with pytest.raises(reference.WrongPassphrase):
        device().unlock(PASSPHRASE)


@pytest.mark.parametrize(
    "costs", [{"memory_kib": 8}, {"iterations": 1}, {"memory_kib": 2**30}, {"parallelism": 999}]
)
def test_weak_and_enormous_costs_are_refused(reference: ModuleType, costs: dict[str, int]) -> None:
    with pytest.raises(reference.WrongPassphrase, match=next(iter(costs))):
        reference.derive(PASSPHRASE, {**reference.new_derivation(), **costs})


def test_a_new_passphrase_leaves_timers_as_they_are(
    phone: Any, device: Callable[[], Any], reference: ModuleType
) -> None:
    row = phone.create(SECRET, DUE)
    phone.add_key(PASSPHRASE)
    phone.create({"title": "newer"}, DUE)
    phone.change_passphrase(PASSPHRASE, "eight gentle otters")
    with pytest.raises(reference.WrongPassphrase):
        device().unlock(PASSPHRASE)
    laptop = device()
    laptop.unlock("eight gentle otters")
    assert sorted(payload["title"] for payload in payloads(laptop)) == ["Call the notary", "newer"]
    assert laptop.call("GET", f"/v1/timers/{row['id']}")["rev"] == row["rev"]


def test_rotation_encrypts_all_anew(phone: Any, device: Callable[[], Any]) -> None:
    for number in range(3):
        phone.create({"title": str(number)}, f"2027-01-0{number + 1}T00:00:00Z")
    first = phone.current
    laptop = device()
    laptop.unlock(PASSPHRASE)
    laptop.rotate(PASSPHRASE)
    assert laptop.current != first
    assert {timer["key_id"] for timer, _ in laptop.timers()} == {laptop.current}
    # A device that has not heard of it yet still writes under its key, which all can read.
    phone.create({"title": "late"}, "2027-02-01T00:00:00Z")
    assert [payload["title"] for payload in payloads(laptop)] == ["0", "1", "2", "late"]
    phone.unlock(PASSPHRASE)
    assert phone.current == laptop.current
    assert len(payloads(phone)) == 4


def test_two_devices_cannot_both_begin(device: Callable[[], Any]) -> None:
    first, second = device(), device()
    # Both have seen that there is no key yet.
    second.unlock = lambda _passphrase: []
    first.add_key(PASSPHRASE)
    with pytest.raises(urllib.error.HTTPError) as refused:
        second.add_key("a passphrase of its own")
    assert refused.value.code == 409
    assert "timer-keys-changed" in refused.value.read().decode()


def test_a_device_that_draws_a_nonce_again_is_stopped(
    phone: Any, reference: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        reference.os,
        "urandom",
        lambda size: bytes(size) if size == 12 else secrets.token_bytes(size),
    )
    phone.create(SECRET, DUE)
    with pytest.raises(urllib.error.HTTPError) as refused:
        phone.create({"title": "other"}, DUE)
    assert "nonce-reused" in refused.value.read().decode()
