"""Write each role's README.md from its argument specification.

`python -m scripts.role_readme` writes them; with `--check` it only names those that are not
current, and fails.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

import yaml

ROLES = Path(__file__).resolve().parent.parent / "roles"


def specification(role: Path) -> dict[str, Any]:
    """The specification of a role's main entry, as Ansible validates it."""
    document = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())
    main: dict[str, Any] = document["argument_specs"]["main"]
    return main


def render(role: Path) -> str:
    """The README of a role.

    Args:
        role: the folder of the role.

    Returns:
        Markdown: what the role does, and a section for each variable.
    """
    spec = specification(role)
    paragraphs = [
        f"<!-- Written by scripts/role_readme.py from meta/argument_specs.yml. -->\n# {role.name}",
        f"{spec['short_description']}.",
        *_paragraphs(spec.get("description", [])),
        "## Variables",
    ]
    for name, option in spec["options"].items():
        paragraphs += [f"### `{name}`", f"{_kind(option)}", *_paragraphs(option["description"])]
        parts = option.get("options", {})
        if parts:
            paragraphs.append("\n".join(_part(part, each) for part, each in parts.items()))
    return "\n\n".join(paragraphs) + "\n"


def _paragraphs(description: str | list[str]) -> list[str]:
    return [description] if isinstance(description, str) else description


def _kind(option: dict[str, Any]) -> str:
    kind = option.get("type", "str")
    if "elements" in option:
        kind += f" of {option['elements']}"
    if "choices" in option:
        kind += ", one of " + ", ".join(f"`{choice}`" for choice in option["choices"])
    if option.get("no_log"):
        kind += ", secret"
    if "default" in option:
        value = option["default"]
        shown = value if isinstance(value, str) and value else _plain(value)
        return f"*{kind}*, default `{shown}`"
    return f"*{kind}*" + (", required" if option.get("required") else "")


def _plain(value: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10_000)
    return text.split("\n")[0]


def _part(name: str, option: dict[str, Any]) -> str:
    return f"- `{name}` ({_kind(option)}): {' '.join(_paragraphs(option['description']))}"


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail when outdated")
    check = parser.parse_args().check
    outdated = []
    for role in sorted(path.parent.parent for path in ROLES.glob("*/meta/argument_specs.yml")):
        readme = role / "README.md"
        text = render(role)
        if not readme.exists() or readme.read_text() != text:
            outdated.append(str(readme.relative_to(ROLES.parent)))
            if not check:
                readme.write_text(text)
    if check and outdated:
        sys.exit(f"Not current: {', '.join(outdated)}. Run: python -m scripts.role_readme")


if __name__ == "__main__":
    main()
