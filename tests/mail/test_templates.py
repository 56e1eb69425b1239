"""Every mail is written in every language, and says the same."""

import re

import pytest

from app.accounts.mailed_tokens import LIVES
from app.mail.templates import FOLDER, write

LANGUAGES = sorted(path.name for path in FOLDER.iterdir())
NAMES = sorted(path.stem for path in (FOLDER / "en").iterdir())


def test_english_and_german_are_there():
    assert {"en", "de"} <= set(LANGUAGES)
    assert set(LIVES) <= set(NAMES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_mail_lacks(language):
    assert sorted(path.stem for path in (FOLDER / language).iterdir()) == NAMES


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", NAMES)
def test_a_mail_is_one_subject_and_a_text(language, name):
    has_link = name in LIVES
    text = write(name, language, **({"link": "https://a.example/#token=x"} if has_link else {}))

    assert text.language == language
    assert text.subject
    assert "\n" not in text.subject
    assert ("https://a.example/#token=x" in text.body) == has_link
    assert not re.search(r"\$\w", text.body)
    assert max(map(len, text.body.splitlines())) <= 100
