"""Write docs/settings.md from app/settings.py: `python -m scripts.settings_reference`."""

from pathlib import Path

from pydantic_core import PydanticUndefined

from app.settings import PREFIX, Settings

FILE = Path(__file__).resolve().parent.parent / "docs" / "settings.md"
HEAD = """# Settings

Variables of the environment, read once at start; every faulty one is named at once. Written by
`python -m scripts.settings_reference` from `app/settings.py`.

| variable | default | meaning |
|---|---|---|
"""


def reference() -> str:
    """The page, as text."""
    rows = []
    for name, field in Settings.model_fields.items():
        default = "needed" if field.default is PydanticUndefined else _show(field.default)
        rows.append(f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |\n")
    return HEAD + "".join(rows)


def _show(default: object) -> str:
    if default is None or default == ():
        return "none"
    if isinstance(default, tuple):
        return f"`{','.join(default)}`"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


if __name__ == "__main__":
    FILE.write_text(reference())
