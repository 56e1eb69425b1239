"""The tables of characters: who sees them, what the feed and the analysts get, and indexes."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest
from apiflask import APIFlask
from sqlalchemy import text

from app.accounts.models import User
from app.database.session import act_as
from app.extensions import db
from app.products.characters import seed
from tests.conftest import Account
from tests.products.characters.conftest import Call

TABLES = ["user_characters", "user_character_items", "user_character_equipment"]


@pytest.fixture
def players(app: APIFlask, register: Callable[..., Account]) -> tuple[Account, Account]:
    """Two users with the characters of the demo."""
    accounts = register(), register()
    for account in accounts:
        with app.app_context():
            act_as(account.id)  # type: ignore[arg-type]
            user = db.session.get(User, account.id)
            assert user is not None
            seed.seed(user)
    return accounts


def owners(table: str) -> set[str]:
    rows = db.session.execute(text(f"SELECT user_id FROM {table}"))  # noqa: S608 - our names
    return {str(row[0]) for row in rows}


@pytest.mark.parametrize("table", TABLES)
def test_an_unfiltered_query_sees_one_user(
    app: APIFlask, players: tuple[Account, Account], table: str
) -> None:
    with app.app_context():
        act_as(players[0].id)  # type: ignore[arg-type]
        assert owners(table) == {players[0].id}
    with app.app_context():
        assert owners(table) == set()


def test_a_file_clears_only_its_owners_portraits(
    app: APIFlask, players: tuple[Account, Account], owner_connection: psycopg.Connection
) -> None:
    owner_connection.execute(
        "INSERT INTO user_files (user_id, id, name, purpose, content_type, size, sha256, "
        "object_id, state) SELECT id, 'same', 'a', 'portrait', 'image/png', 1, "
        "repeat('0', 64), gen_random_uuid(), 'pending' FROM users"
    )
    owner_connection.execute("UPDATE user_characters SET portrait_id = 'same'")
    answer = players[0].client.delete("/v1/files/same", headers=players[0].headers)
    assert answer.status_code == 204
    rows = owner_connection.execute(
        "SELECT DISTINCT user_id::text, portrait_id FROM user_characters"
    ).fetchall()
    assert set(rows) == {(players[0].id, None), (players[1].id, "same")}


@pytest.mark.parametrize(
    "abilities",
    [
        "[]",
        "{}",
        '{"power":3,"swiftness":3,"stamina":3,"reason":3,"instinct":3}',
        '{"power":3,"swiftness":3,"stamina":3,"reason":3,"instinct":3,"charm":11}',
        '{"power":3,"swiftness":3,"stamina":3,"reason":3,"instinct":3,"charm":2}',
        '{"power":3,"swiftness":3,"stamina":3,"reason":3,"instinct":3,"charm":3.5}',
        '{"power":3,"swiftness":3,"stamina":3,"reason":3,"instinct":3,"charm":"3"}',
        '{"power":3,"swiftness":3,"stamina":3,"reason":3,"instinct":3,"charm":3,"luck":3}',
    ],
)
def test_the_database_takes_no_other_abilities(
    players: tuple[Account, Account], owner_connection: psycopg.Connection, abilities: str
) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="user_characters_abilities_check"):
        owner_connection.execute("UPDATE user_characters SET abilities = %s", [abilities])


def test_all_three_are_in_the_feed(
    players: tuple[Account, Account], owner_connection: psycopg.Connection
) -> None:
    revisions = [
        row[0]
        for table in TABLES
        for row in owner_connection.execute(
            f"SELECT rev FROM {table} WHERE user_id = %s",  # type: ignore[arg-type] # noqa: S608
            [players[0].id],
        )
    ]
    newest = owner_connection.execute(
        "SELECT rev FROM sync_state WHERE user_id = %s", [players[0].id]
    ).fetchone()
    # Each row was written once, and so has one revision.
    assert sorted(revisions) == list(range(1, len(revisions) + 1))
    assert newest == (len(revisions),)


@pytest.mark.parametrize(
    ("index", "query"),
    [
        (
            "user_characters_live",
            "SELECT * FROM user_characters WHERE user_id = %s AND deleted_at IS NULL "
            "AND id > 'a' ORDER BY id LIMIT 21",
        ),
        (
            "user_characters_feed",
            "SELECT * FROM user_characters WHERE user_id = %s AND rev > 5 ORDER BY rev, id",
        ),
        (
            "user_characters_by_portrait",
            "SELECT * FROM user_characters WHERE user_id = %s AND portrait_id = 'x'",
        ),
        (
            "user_character_items_carried",
            "SELECT * FROM user_character_items WHERE user_id = %s AND character_id = 'a' "
            "AND deleted_at IS NULL AND item_id > 'a' ORDER BY item_id LIMIT 21",
        ),
        (
            "user_character_items_feed",
            "SELECT * FROM user_character_items WHERE user_id = %s AND rev > 5 ORDER BY rev, id",
        ),
        (
            "user_character_equipment_worn",
            "SELECT * FROM user_character_equipment WHERE user_id = %s AND character_id = 'a' "
            "AND deleted_at IS NULL",
        ),
        (
            "user_character_equipment_feed",
            "SELECT * FROM user_character_equipment WHERE user_id = %s AND rev > 5 "
            "ORDER BY rev, id",
        ),
    ],
)
def test_hot_queries_use_their_indexes(
    user: Account, plan_of: Callable[..., str], index: str, query: str
) -> None:
    assert index in plan_of(query, user.id)


def test_two_devices_at_once_cannot_break_a_rule(
    user: Account,
    app: APIFlask,
    call: Call,
    create: Callable[..., Any],
    carry: Callable[..., None],
) -> None:
    create()
    carry("ash-staff", "plank-buckler")
    path = "/v1/characters/mira/equipment"

    def send(wish: tuple[str, str]) -> int:
        slot, item = wish
        client = app.test_client()
        answer = client.put(f"{path}/{slot}", json={"item_id": item}, headers=user.headers)
        return answer.status_code

    for _ in range(5):
        with ThreadPoolExecutor(2) as pool:
            wishes = [("main-hand", "ash-staff"), ("off-hand", "plank-buckler")]
            assert sorted(pool.map(send, wishes)) == [201, 409]
        for row in call("GET", path).get_json()["items"]:
            assert call("DELETE", f"{path}/{row['slot']}").status_code == 204


def test_figures_count_characters(
    players: tuple[Account, Account], register_admin: Callable[[], Account]
) -> None:
    path = "/v1/characters/isele"
    assert players[0].client.delete(path, headers=players[0].headers).status_code == 204
    admin = register_admin()
    answer = admin.client.get("/v1/admin/analytics/behaviour", headers=admin.headers)
    figures = answer.get_json()["products"]["characters"]
    assert {figure["name"]: figure["value"] for figure in figures} == {
        "created": 4,
        "characters": 3,
        "people": 2,
        "portraits": 0,
        "equipped": 3,
        "experience": 640,
    }
    assert all(figure["description"] for figure in figures)


def test_all_of_it_goes_with_the_account(
    players: tuple[Account, Account], app: APIFlask, owner_connection: psycopg.Connection
) -> None:
    owner_connection.execute("UPDATE users SET deletion_requested_at = '2026-01-01'")
    done = app.test_cli_runner().invoke(args=["accounts", "purge"])
    assert done.exit_code == 0, done.output
    for table in TABLES:
        count = owner_connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # type: ignore[arg-type] # noqa: S608
        assert count == (0,), table


def test_tombstones_are_purged(
    players: tuple[Account, Account], app: APIFlask, owner_connection: psycopg.Connection
) -> None:
    for player in players:
        for name in ("branka", "isele"):
            player.client.delete(f"/v1/characters/{name}", headers=player.headers)
    rows = 0
    for table in TABLES:
        rows += owner_connection.execute(
            f"UPDATE {table} SET deleted_at = '2020-01-01'"  # type: ignore[arg-type] # noqa: S608
        ).rowcount
    done = app.test_cli_runner().invoke(args=["purge"])
    assert done.output == f"Removed {rows} rows, 0 devices and 0 sync sessions.\n"
