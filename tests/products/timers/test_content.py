"""Templates, demo timers and figures."""

import json
import re
from base64 import b64decode
from collections.abc import Callable
from typing import Any

import pytest
from apiflask import APIFlask
from argon2.low_level import Type, hash_secret_raw
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask.testing import FlaskClient
from pydantic import ValidationError

from app.products.timers.content import TimerTemplate
from app.products.timers.seed import PASSPHRASE
from app.settings import Environment
from tests.conftest import Account
from tests.products.timers.conftest import call, create, create_key

TEMPLATE = {
    "title": {"en": "Race"},
    "description": {"en": "Twelve weeks"},
    "icon": "🏃",
    "kind": "health",
    "remind_days_before": [1, 84, 1],
}


def test_the_templates_are_whole_in_both_languages(app: APIFlask, client: FlaskClient) -> None:
    seeded = app.test_cli_runner().invoke(args=["content", "seed"])
    assert seeded.exit_code == 0, seeded.output
    titles = {}
    for locale in ("en", "de"):
        path = f"/v1/content/timer_templates?limit=100&locale={locale}"
        items = client.get(path).get_json()["items"]
        assert {item["locale"] for item in items} == {locale}
        titles[locale] = {item["id"]: item["data"]["title"] for item in items}
    assert len(titles["en"]) == 25
    assert titles["en"].keys() == titles["de"].keys()
    assert (titles["en"]["mothers-day"], titles["de"]["mothers-day"]) == (
        "Mother's Day",
        "Muttertag",
    )
    kinds = {item["data"]["kind"] for item in items}
    assert kinds >= {"celebration", "holiday", "journey", "study", "work", "health", "household"}


def test_the_furthest_reminder_comes_first() -> None:
    assert TimerTemplate.model_validate(TEMPLATE).remind_days_before == [84, 1]


@pytest.mark.parametrize(
    "changes",
    [
        {"recurrence": "every year"},
        {"recurrence": "FREQ=SECONDLY"},
        {"recurrence": "FREQ=YEARLY;COUNT=x y"},
        {"remind_days_before": [-1]},
        {"kind": "other"},
    ],
)
def test_a_faulty_template_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(changes))):
        TimerTemplate.model_validate(TEMPLATE | changes)


def test_the_demo_timers_open_with_their_passphrase(
    make_app: Callable[..., APIFlask], client: FlaskClient
) -> None:
    runner = make_app(environment=Environment.DEVELOPMENT).test_cli_runner()
    told = runner.invoke(args=["seed"]).output
    password = re.findall(r"demo@example.com with the password (\S+)", told)[0]
    body = {"email": "demo@example.com", "password": password}
    tokens = client.post("/v1/accounts/login", json=body).get_json()["tokens"]
    demo = Account("", body["email"], password, tokens, client)
    (key,) = call(demo, "GET", "/v1/timer-keys").get_json()["items"]
    derived = hash_secret_raw(
        PASSPHRASE.encode(),
        b64decode(key["salt"]),
        key["iterations"],
        key["memory_kib"],
        key["parallelism"],
        32,
        Type.ID,
    )
    data_key = AESGCM(derived).decrypt(
        b64decode(key["nonce"]), b64decode(key["wrapped_key"]), b"timer-key:1:demo"
    )
    found = {}
    for row in call(demo, "GET", "/v1/timers").get_json()["items"]:
        aad = f"timer:1:demo:{row['id']}".encode()
        nonce, ciphertext = b64decode(row["nonce"]), b64decode(row["ciphertext"])
        found[row["id"]] = json.loads(AESGCM(data_key).decrypt(nonce, ciphertext, aad))["title"]
    assert list(found) == ["moved", "dentist", "exam", "vacation"]
    assert found["vacation"] == "To the sea"


def test_figures(user: Account, register: Callable[..., Account], admin: Account) -> None:
    create_key(user, "k2", replaces="k1")
    create(user, id="a")
    create(user, id="b", finished=True)
    create(user, id="c", due_at="2027-01-01T00:00:00Z", time_zone="UTC", all_day=True)
    call(user, "DELETE", "/v1/timers/a")
    other = register()
    create_key(other)

    def figures(query: str = "") -> dict[str, Any]:
        answer = call(admin, "GET", f"/v1/admin/analytics/behaviour{query}").get_json()
        assert all(figure["description"] for figure in answer["products"]["timers"])
        return {figure["name"]: figure["value"] for figure in answer["products"]["timers"]}

    now = {"running": 1, "finished": 1, "all_day": 1, "people": 1, "set_up": 2, "rotated": 1}
    assert figures() == {"created": 3, **now}
    assert figures("?start=2026-01-01&end=2026-01-31") == {"created": 0, **now}
