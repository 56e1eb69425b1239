"""flask content import, export, seed, warm."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.content import seeds
from app.content.collections import ContentCollection
from app.settings import Environment
from tests.content.conftest import ADMIN, PUBLIC, RECIPES, recipe

SEEDS = "/v1/content/habit_templates"


@pytest.fixture
def load(run, tmp_path) -> Callable[..., Any]:
    """Import lines; a document that is not text becomes its JSON."""

    def import_lines(*documents: Any, runner: Any = None) -> Any:
        lines = [d if isinstance(d, str) else json.dumps(d) for d in documents]
        path = tmp_path / "in.jsonl"
        path.write_text("\n".join(lines))
        return (runner or run).invoke(args=["content", "import", str(path)])

    return import_lines


def line(name: str, title: str = "Soup", **changes: Any) -> dict[str, Any]:
    return {"collection": "recipes", "id": name, **recipe(title, **changes)}


def test_what_is_exported_can_be_imported_and_nothing_is_lost(
    run, put, call, load, tmp_path, owner_connection
):
    put(
        "soup",
        tags=["warm"],
        published=False,
        published_from="2026-01-01T00:00:00.123456Z",
        published_until="2026-02-01T00:00:00+05:00",
        data={"title": {"en": "Soup ✓", "de": "Suppe"}, "grams": 1.5},
    )
    put("bread")
    put("old")
    call("DELETE", f"{ADMIN}/old")
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"

    exported = run.invoke(args=["content", "export", str(first)])
    owner_connection.execute("TRUNCATE content_documents, content_versions")
    imported = load(*first.read_text().splitlines())
    run.invoke(args=["content", "export", str(second)])

    assert exported.output == "2 documents exported.\n"
    assert imported.output == "2 documents created, 0 changed, 0 unchanged.\n"
    assert second.read_bytes() == first.read_bytes()
    assert [json.loads(text)["id"] for text in first.read_text().splitlines()] == ["bread", "soup"]
    again = load(*first.read_text().splitlines())
    assert again.output == "0 documents created, 0 changed, 2 unchanged.\n"


def test_an_import_adds_and_changes_and_takes_nothing_away(load, put, anyone):
    put("bread", "Bread")
    put("soup", "Old soup")
    anyone.get(PUBLIC)

    result = load(line("soup"), "", line("stew", "Stew"))

    assert result.output == "1 documents created, 1 changed, 0 unchanged.\n"
    items = anyone.get(PUBLIC).get_json()["items"]
    assert [item["data"]["title"] for item in items] == ["Bread", "Soup", "Stew"]


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        ("{", "line 2: is not JSON: "),
        ("[]", "line 2: is not an object"),
        ({"id": "x"}, "line 2 (x): collection: There is no such collection."),
        ({**line("x"), "collection": ["recipes"]}, "line 2 (x): collection: There is no such"),
        ({**line("X"), "more": 1}, "line 2 (X): id: "),
        ({**line("x"), "id": 5}, "line 2: id: "),
        (line("x", data={"grams": "much"}), "line 2 (x): data.grams: "),
        (line("x", data={"title": {"fr": "x"}}), "line 2 (x): data.title: needs the locale en"),
        (line("bread"), "line 2 (bread): is there twice"),
    ],
)
def test_a_faulty_file_is_refused_whole_with_the_line(load, anyone, bad, fault):
    result = load(line("bread"), bad, line("cake"))

    assert result.exit_code == 1
    assert result.output.startswith("Error: nothing is imported\n")
    assert fault in result.output
    assert anyone.get(PUBLIC).get_json()["items"] == []


def test_all_faults_are_named_up_to_a_number(load):
    few = load("x", line("bread"), "y")
    many = load(*["x"] * 30)

    assert [text.split(":")[0] for text in few.output.splitlines()[1:]] == ["line 1", "line 3"]
    assert len(many.output.splitlines()) == 22
    assert many.output.splitlines()[-1] == "... and perhaps more"


def test_the_page_shows_what_the_commands_say(make_app, project, tmp_path, monkeypatch):
    page = (project / "docs" / "content.md").read_text()
    (shown,) = re.findall(r"^```\n(\$ flask content seed\n.*?)^```", page, re.M | re.S)
    commands = re.findall(r"^\$ flask (.*)\n((?:[^$].*\n)+)", shown, re.M)
    assert len(commands) == 5
    shop = {"title": {"en": "Corner shop"}, "city": {"en": "Belgrade"}, "country": "RS"}
    runner = make_app().test_cli_runner()
    monkeypatch.chdir(tmp_path)
    runner.invoke(args=["content", "seed"])
    Path("shop.jsonl").write_text(
        json.dumps({"collection": "stores", "id": "corner-shop", "data": shop})
    )
    runner.invoke(args=["content", "import", "shop.jsonl"])

    for command, told in commands:
        assert runner.invoke(args=command.split()).output == told, command
        if "export" in command:
            lines = [json.loads(text) for text in Path("content.jsonl").read_text().splitlines()]
            (wrong,) = [each for each in lines if each["id"] == "strength-training"]
            wrong["data"]["minutes"] = "ten"
            Path("edited.jsonl").write_text("\n".join(map(json.dumps, lines)))


def test_what_comes_from_the_upstream_is_not_imported_over(kitchen, load, owner_connection, anyone):
    load(line("bread", "Bread"))
    owner_connection.execute("UPDATE content_documents SET origin = 'upstream'")
    runner = kitchen(content_url="http://127.0.0.1:9").test_cli_runner()

    result = load(line("apple"), line("bread", "Mine"), runner=runner)

    assert result.exit_code == 1
    assert "bread comes from the upstream" in result.output
    items = anyone.get(PUBLIC).get_json()["items"]
    assert [item["data"]["title"] for item in items] == ["Bread"]


def test_warming_makes_readers_need_no_database(run, put, anyone, count):
    for number in range(23):
        put(f"dish-{number}")

    result = run.invoke(args=["content", "warm"])

    before = count("database_queries_total", operation="select", table="content_documents")
    for locale in RECIPES.locales:
        page = anyone.get(PUBLIC, headers={"Accept-Language": locale}).get_json()
        anyone.get(f"{PUBLIC}?after={page['next']}&locale={locale}")
        anyone.get(f"{PUBLIC}/dish-7?locale={locale}")
    after = count("database_queries_total", operation="select", table="content_documents")
    assert after == before
    assert result.output == f"{len(RECIPES.locales) * 25} answers are in the cache.\n"


@pytest.fixture
def seed(make_app) -> Callable[[], str]:
    runner = make_app(products=("habits",)).test_cli_runner()

    def run_command() -> str:
        result = runner.invoke(args=["content", "seed"])
        assert result.exit_code == 0, result.output
        return result.output

    return run_command


def test_the_habit_templates_are_real(seed, client):
    seed()
    items = client.get(f"{SEEDS}?limit=100&locale=de").get_json()["items"]

    assert len(items) == 25
    assert {item["locale"] for item in items} == {"de"}
    tags = {tag for item in items for tag in item["tags"]}
    assert tags >= {"movement", "nutrition", "sleep", "mind", "social", "learning"}
    dois = [item["data"]["sources"][0]["doi"] for item in items]
    assert all(doi.startswith("10.") for doi in dois)
    assert len(set(dois)) == 25


def test_a_template_makes_a_habit(seed, client, register):
    seed()
    account = register()
    for item in client.get(f"{SEEDS}?limit=100").get_json()["items"]:
        data = item["data"]
        habit = {
            "id": item["id"],
            "name": data["title"],
            "description": data["description"],
            "start_date": "2026-01-01",
            **{key: data[key] for key in ("schedule", "weekdays", "times_per_week")},
        }
        answer = account.client.post("/v1/habits", json=habit, headers=account.headers)
        assert answer.status_code == 201, answer.text


def test_seeding_is_idempotent_and_keeps_what_people_changed(
    seed, client, register_admin, owner_connection
):
    assert seed() == "25 documents created, 0 changed, 0 unchanged.\n"
    assert seed() == "0 documents created, 0 changed, 25 unchanged.\n"
    admin = register_admin()
    path = "/v1/admin/content/habit_templates"
    document = client.get(f"{path}/meditate", headers=admin.headers).get_json()
    body = {"tags": ["mine"], "data": document["data"]}
    client.put(f"{path}/meditate", json=body, headers=admin.headers)
    client.delete(f"{path}/daylight", headers=admin.headers)
    # As if the seed of an older release were there.
    owner_connection.execute("UPDATE content_documents SET tags = '{}' WHERE id = 'gratitude'")

    assert seed() == "0 documents created, 1 changed, 24 unchanged.\n"
    assert client.get(f"{SEEDS}/meditate").get_json()["tags"] == ["mine"]
    assert client.get(f"{SEEDS}/daylight").status_code == 404
    assert client.get(f"{SEEDS}/gratitude").get_json()["tags"] == ["evening", "mind"]


def test_a_collection_need_not_have_seeds(run):
    result = run.invoke(args=["content", "seed"])

    assert result.output == "0 documents created, 0 changed, 0 unchanged.\n"


def test_a_faulty_seed_names_its_file(kitchen, tmp_path, monkeypatch):
    path = tmp_path / "app" / "products" / "kitchen" / "seed" / "recipes.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"documents": [{"id": "soup", "data": {}}]}')
    monkeypatch.setattr(seeds, "ROOT", tmp_path)
    app = kitchen()
    app.extensions["content_collections"] = {
        "recipes": ContentCollection("recipes", RECIPES.schema, product="kitchen")
    }

    result = app.test_cli_runner().invoke(args=["content", "seed"])

    assert result.exit_code == 1
    assert "app/products/kitchen/seed/recipes.json:\ndocument 1 (soup): data.title" in result.output


def test_the_demo_brings_the_content_along(make_app, client):
    runner = make_app(environment=Environment.DEVELOPMENT, products=("habits",)).test_cli_runner()

    first = runner.invoke(args=["seed"])
    second = runner.invoke(args=["seed"])

    assert "25 documents of content are in." in first.output
    assert second.output == (
        "demo@example.com is there already.\nadmin@example.com is there already.\n"
    )
    assert len(client.get(SEEDS).get_json()["items"]) == 20


def test_every_seed_file_belongs_to_a_collection(app, project):
    files = set(project.glob("app/products/*/seed/*.json"))
    declared = {
        project / "app" / "products" / collection.product / "seed" / f"{name}.json"
        for name, collection in app.extensions["content_collections"].items()
    }

    assert files
    assert files - declared == set()
