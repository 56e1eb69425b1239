"""Expressions of workflows, evaluated by GitHub's own implementation."""

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.node import install, node

HERE = Path(__file__).resolve().parent
EXPRESSION = re.compile(r"\$\{\{(.*?)\}\}", re.DOTALL)
STATUS_FUNCTION = re.compile(r"\b(success|failure|always|cancelled)\(")


def _evaluate(expressions: list[str], contexts: Mapping[str, Any], status: str) -> list[str]:
    install(HERE)
    given = {"expressions": expressions, "contexts": contexts, "status": status}
    done = subprocess.run(
        [node(), str(HERE / "evaluate.js")],
        cwd=HERE,
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    results: list[str] = json.loads(done.stdout)
    return results


def holds(condition: str, contexts: Mapping[str, Any], status: str = "success") -> bool:
    """Whether a job or a step with this `if` is run.

    Args:
        condition: the expression; "" has none.
        contexts: `github`, `steps` and others.
        status: of what went before.
    """
    wanted = condition or "success()"
    if not STATUS_FUNCTION.search(wanted):
        wanted = f"success() && ({wanted})"
    return _evaluate([f"!!({wanted})"], contexts, status) == ["true"]


def filled_in(text: str, contexts: Mapping[str, Any]) -> str:
    """A value of a workflow with the results of its expressions."""
    results = iter(_evaluate(EXPRESSION.findall(text), contexts, "success"))
    return EXPRESSION.sub(lambda _: next(results), text)
