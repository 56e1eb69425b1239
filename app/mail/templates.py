"""The texts of the mails: one file for each mail and language."""

from functools import cache
from pathlib import Path
from string import Template
from typing import NamedTuple

FOLDER = Path(__file__).with_name("templates")
FALLBACK = "en"


class Text(NamedTuple):
    language: str
    subject: str
    body: str


def write(name: str, locale: str, **values: str) -> Text:
    """Fill a template in.

    Args:
        name: file name of the template, without its ending.
        locale: the reader's, such as de-AT; without a text in it the language serves (de), then
            English.
        values: what the template names as `$word`.
    """
    language = _language(locale)
    subject, body = _load(language, name)
    return Text(language, subject, body.substitute(values))


def _language(locale: str) -> str:
    language = locale.partition("-")[0]
    return language if language in _languages() else FALLBACK


@cache
def _languages() -> frozenset[str]:
    return frozenset(path.name for path in FOLDER.iterdir() if path.is_dir())


@cache
def _load(language: str, name: str) -> tuple[str, Template]:
    subject, _, body = (FOLDER / language / f"{name}.txt").read_text("utf-8").partition("\n\n")
    return subject, Template(body)
