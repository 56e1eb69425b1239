"""The registry of purposes, which products fill."""

import sys
from importlib.machinery import ModuleSpec
from importlib.util import module_from_spec

import pytest

from app.files.purposes import Purpose, collect_purposes


def give(monkeypatch: pytest.MonkeyPatch, *purposes: Purpose) -> None:
    """Let the product habits have purposes, as app/products/habits/files.py would."""
    name = "app.products.habits.files"
    module = module_from_spec(ModuleSpec(name, loader=None, origin=__file__))
    module.purposes = list(purposes)  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, name, module)


def test_the_purposes_of_served_products_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    cover = Purpose("cover", frozenset({"image/png"}))
    give(monkeypatch, cover)

    assert collect_purposes(["habits"]).keys() == {"attachment", "cover"}
    assert collect_purposes([]).keys() == {"attachment"}


def test_images_are_not_for_every_purpose() -> None:
    types = collect_purposes([])["attachment"].types

    assert [name for name in types if name.startswith(("image/", "text/html"))] == []


def test_two_purposes_of_one_name_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    give(monkeypatch, Purpose("attachment", frozenset({"image/png"})))

    with pytest.raises(ValueError, match="more than one file purpose is called attachment"):
        collect_purposes(["habits"])


@pytest.mark.parametrize("name", ["text/html", "image/svg+xml", "image/*", "application/x-none"])
def test_a_type_that_nothing_recognizes_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no way to recognize"):
        Purpose("page", frozenset({"image/png", name}))
