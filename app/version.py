"""The version of the release; apart from the settings, which take memory to import."""

from functools import cache
from pathlib import Path


@cache
def version() -> str:
    """The release's version, from the file VERSION at its root."""
    return (Path(__file__).resolve().parent.parent / "VERSION").read_text(encoding="ascii").strip()
