"""Reports of faults to Sentry, if its DSN is set, with all that is secret or private left out."""

import re
from typing import Any

from app.log_format import REDACTED, hide_secrets
from app.settings import Environment, Settings
from app.version import version

TRACES_IN_PRODUCTION = 0.1
KEPT_HEADERS = frozenset({"accept", "content-length", "content-type", "user-agent"})

_ADDRESS = re.compile(r"[\w.+-]+@(?:[\w-]+\.)+[A-Za-z]{2,}")


def init_app(settings: Settings) -> None:
    """Report unhandled errors, and in production one request in ten as a trace."""
    if settings.sentry_dsn is None:
        return
    # Costs some 6 MiB, which a host without Sentry keeps.
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.dedupe import DedupeIntegration
    from sentry_sdk.integrations.flask import FlaskIntegration

    in_production = settings.environment is Environment.PRODUCTION
    sentry_sdk.init(
        dsn=settings.sentry_dsn.get_secret_value(),
        environment=settings.environment,
        release=f"fivebox@{version()}",
        traces_sample_rate=TRACES_IN_PRODUCTION if in_production else 0.0,
        before_send=scrub,  # type: ignore[arg-type]
        before_send_transaction=scrub,  # type: ignore[arg-type]
        include_local_variables=False,
        max_request_body_size="never",
        # Prometheus counts the requests.
        auto_session_tracking=False,
        send_client_reports=False,
        # Others add log lines, statements and commands to a report.
        default_integrations=False,
        auto_enabling_integrations=False,
        integrations=[FlaskIntegration("url"), DedupeIntegration(), AtexitIntegration()],
    )


def scrub(event: dict[str, Any], _hint: dict[str, Any]) -> dict[str, Any]:
    """Leave out of a report what is secret or private.

    Args:
        event: the event as Sentry's SDK made it.
    """
    request = event.get("request", {})
    headers = request.get("headers", {})
    # The event's transaction tells the route; a path or query may hold what a user made up.
    event["request"] = {
        "method": request.get("method"),
        "headers": {k: v for k, v in headers.items() if k.lower() in KEPT_HEADERS},
    }
    for part in ("user", "breadcrumbs", "extra", "server_name"):
        event.pop(part, None)
    scrubbed: dict[str, Any] = _scrub(event)
    return scrubbed


def _scrub(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _scrub(hide_secrets(str(name), part)) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_scrub(part) for part in value]
    return _ADDRESS.sub(REDACTED, hide_secrets("", value)) if isinstance(value, str) else value
