"""Products declare collections."""

import sys
from importlib.util import find_spec
from types import ModuleType

import pytest

from app.content.collections import ContentCollection, words_of
from app.settings import Settings, SettingsError, load_settings
from tests.content.conftest import Recipe


def test_only_served_products_bring_collections(make_app):
    app = make_app(products=("habits",))
    assert app.extensions["content_collections"].keys() == {"habit_templates"}
    app = make_app(products=())
    assert app.extensions["content_collections"] == {}
    assert app.test_client().get("/v1/content/habit_templates").status_code == 404


def test_a_product_need_not_have_content(make_app, monkeypatch):
    def find(name):
        return None if name.endswith(".content") else find_spec(name)

    monkeypatch.setattr("app.products.find_spec", find)

    assert make_app().extensions["content_collections"] == {}


def test_one_name_is_not_given_twice(make_app, monkeypatch):
    module = ModuleType("app.products.habits.content")
    module.__spec__ = sys.modules["app.products.habits.content"].__spec__
    module.collections = [ContentCollection("twice", Recipe), ContentCollection("twice", Recipe)]
    monkeypatch.setitem(sys.modules, "app.products.habits.content", module)

    with pytest.raises(ValueError, match="declare the collection twice"):
        make_app()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Crème brûlée", ["brulee", "creme"]),
        ("Straße STRASSE", ["strasse"]),
        ("Đuveč, l'été_x", ["duvec", "ete", "l", "x"]),
        ("Чорба ②", ["2", "чорба"]),
        ("20km  -  ", ["20km"]),
        ("!?", []),
        ("a" * 70, ["a" * 64]),
    ],
)
def test_words_are_compared_plainly(text, words):
    assert words_of([text]) == words


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"FIVEBOX_CONTENT_URL": "ftp://content.example"}, "FIVEBOX_CONTENT_URL"),
        ({"FIVEBOX_CONTENT_URL": "https://key@content.example"}, "FIVEBOX_CONTENT_URL"),
        ({"FIVEBOX_CONTENT_URL": "https://content.example/?key=1"}, "FIVEBOX_CONTENT_URL"),
        ({"FIVEBOX_EDGE_PURGE_URLS": "http://a, b"}, "FIVEBOX_EDGE_PURGE_URLS"),
        ({"FIVEBOX_CONTENT_KEY": "two words"}, "FIVEBOX_CONTENT_KEY"),
        ({"FIVEBOX_CONTENT_KEY": "line\n"}, "FIVEBOX_CONTENT_KEY"),
        ({"FIVEBOX_CONTENT_REFRESH_SECONDS": "0"}, "FIVEBOX_CONTENT_REFRESH_SECONDS"),
    ],
)
def test_faulty_settings_are_named(environment, monkeypatch, changes, fault):
    for name, value in changes.items():
        monkeypatch.setenv(name, value)

    with pytest.raises(SettingsError, match=f"^{fault}: "):
        load_settings()


def test_the_key_is_not_shown(environment):
    settings = Settings(content_key="a-secret-key", content_url="http://content.example/v1")

    assert "a-secret-key" not in repr(settings)


def test_production_fetches_content_by_https(environment, monkeypatch):
    monkeypatch.setenv("FIVEBOX_ENVIRONMENT", "production")
    monkeypatch.setenv("FIVEBOX_CONTENT_URL", "http://content.example")

    with pytest.raises(SettingsError, match="FIVEBOX_CONTENT_URL: must begin with https://"):
        load_settings()
