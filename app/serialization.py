"""JSON by orjson: faster than the standard library, and strict about NaN and lone surrogates."""

from typing import Any

import orjson
from flask.json.provider import JSONProvider


class OrjsonProvider(JSONProvider):
    """Flask's JSON provider on orjson; dates and UUIDs become ISO text."""

    def dumps(self, obj: Any, **_kwargs: Any) -> str:
        """Serialize to JSON text."""
        return orjson.dumps(obj).decode()

    def loads(self, s: str | bytes, **_kwargs: Any) -> Any:
        """Parse JSON text.

        Raises:
            orjson.JSONDecodeError: a ValueError; Flask answers 400.
        """
        return orjson.loads(s)
