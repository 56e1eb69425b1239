from collections.abc import Iterator

from apiflask import APIFlask

from app.errors import Problem
from scripts.settings_reference import FILE, reference


def test_the_settings_page_is_current() -> None:
    assert FILE.read_text() == reference(), "run: python -m scripts.settings_reference"


def test_the_page_of_errors_has_them_all(app: APIFlask) -> None:
    """`app` has loaded every module that defines one."""

    def kinds(base: type[Problem]) -> Iterator[type[Problem]]:
        for kind in base.__subclasses__():
            yield kind
            yield from kinds(kind)

    rows = [
        line.split("|")
        for line in (FILE.parent / "errors.md").read_text().splitlines()
        if line.startswith("| ") and line[2:5].isdigit()
    ]
    told = {(int(status), word) for _, status, words, *_ in rows for word in words.split("`")[1::2]}
    # Those of equipment make their words as they go.
    own = {(kind.status, kind.type) for kind in kinds(Problem) if "type" in vars(kind)}
    assert own
    assert own <= told
