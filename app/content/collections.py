"""Collections of documents, as the products declare them, and their localized fields."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from apiflask import APIFlask
from flask import current_app
from pydantic import AfterValidator, BaseModel, ConfigDict, RootModel, StringConstraints
from pydantic_core import to_jsonable_python

from app.accounts.schemas import Locale
from app.content.locales import DEFAULT_LOCALE
from app.errors import NotFound
from app.products import parts
from app.settings import Settings

T = TypeVar("T")

_WORD = re.compile(r"[^\W_]+")
_MAX_WORD_CHARACTERS = 64
# Letters that Unicode does not take apart.
_PLAIN_LETTERS = str.maketrans({"đ": "d", "ł": "l", "ø": "o", "ð": "d", "þ": "th", "æ": "ae"})


def _has_default(texts: dict[str, Any]) -> dict[str, Any]:
    if DEFAULT_LOCALE not in texts:
        raise ValueError(f"needs the locale {DEFAULT_LOCALE}, for where another is missing")
    return texts


class Localized(RootModel[Annotated[dict[Locale, T], AfterValidator(_has_default)]], Generic[T]):
    """A field in several languages: `{"en": ..., "de": ...}`; answers carry the best one."""


ShortText = Annotated[str, StringConstraints(min_length=1, max_length=200)]
LongText = Annotated[str, StringConstraints(min_length=1, max_length=4000)]


class ContentData(BaseModel):
    """Base of what the documents of a collection hold; the title is what search looks in."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)

    title: Localized[ShortText]


@dataclass(frozen=True)
class ContentCollection:
    """A collection: its name in paths, the schema of its documents, and their languages."""

    name: str
    schema: type[ContentData]
    locales: tuple[str, ...] = (DEFAULT_LOCALE,)
    product: str = ""


def init_app(app: APIFlask, settings: Settings) -> None:
    """Gather the collections of the served products from their modules `content`.

    Raises:
        ValueError: two products declare a collection of one name.
    """
    known: dict[str, ContentCollection] = {}
    for product, module in parts(settings.products, "content").items():
        for declared in module.collections:
            if declared.name in known:
                raise ValueError(f"two products declare the collection {declared.name}")
            known[declared.name] = ContentCollection(
                declared.name, declared.schema, declared.locales, product
            )
    app.extensions["content_collections"] = known


def all_collections() -> dict[str, ContentCollection]:
    """The collections by name."""
    known: dict[str, ContentCollection] = current_app.extensions["content_collections"]
    return known


def find_collection(name: str) -> ContentCollection:
    """Find a collection.

    Raises:
        NotFound: no served product declares it.
    """
    try:
        return all_collections()[name]
    except KeyError:
        raise NotFound("There is no such collection.") from None


def localize(value: Any, chain: Iterable[str], used: list[str]) -> Any:
    """Turn a validated document into JSON values with each text in one language.

    Args:
        value: the document, or a part of it.
        chain: the locales to look for, the best first, the default last.
        used: collects the locales that were found.
    """
    if isinstance(value, Localized):
        locale = next(locale for locale in chain if locale in value.root)
        if locale not in used:
            used.append(locale)
        return localize(value.root[locale], chain, used)
    if isinstance(value, BaseModel):
        return {
            name: localize(getattr(value, name), chain, used) for name in type(value).model_fields
        }
    if isinstance(value, list | tuple):
        return [localize(item, chain, used) for item in value]
    if isinstance(value, dict):
        return {key: localize(item, chain, used) for key, item in value.items()}
    return to_jsonable_python(value)


def locales_of(value: Any) -> Iterator[str]:
    """All locales that a validated document has texts in, with repeats."""
    if isinstance(value, Localized):
        yield from value.root
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from locales_of(getattr(value, name))
    elif isinstance(value, list | tuple | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from locales_of(item)


def words_of(texts: Iterable[str]) -> list[str]:
    """The words of some texts as search compares them: lower case, without accents, no repeats."""
    words: set[str] = set()
    for text in texts:
        parts = unicodedata.normalize("NFKD", text.casefold())
        plain = "".join(letter for letter in parts if not unicodedata.combining(letter))
        found = _WORD.findall(plain.translate(_PLAIN_LETTERS))
        words.update(word[:_MAX_WORD_CHARACTERS] for word in found)
    return sorted(words)
