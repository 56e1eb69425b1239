"""Recording events, in the transaction of the act itself: neither is there without the other."""

from collections.abc import Callable, Mapping
from ipaddress import ip_address, ip_network
from typing import Any, Literal
from uuid import UUID

import orjson
from flask import g, has_request_context, request

from app.database.connection import execute

Actor = Literal["user", "admin", "command", "nobody"]
Outcome = Literal["succeeded", "failed", "refused"]

# Enough to tell a provider or a town, too little to tell a household.
KEPT_BITS = {4: 24, 6: 48}

# Without RETURNING: what is appended need not be visible to who appends it.
_INSERT = (
    "INSERT INTO audit_events (user_id, actor, device_id, kind, outcome, request_id, "
    "client_network, subject_table, subject_id, details) VALUES (%(user_id)s, %(actor)s, "
    "%(device_id)s, %(kind)s, %(outcome)s, %(request_id)s, %(client_network)s, %(subject_table)s, "
    "%(subject_id)s, %(details)s::jsonb)"
)


def record(
    kind: str,
    user_id: UUID | None,
    *,
    outcome: Outcome = "succeeded",
    actor: Actor | None = None,
    subject: tuple[str, object] | None = None,
    send: Callable[[str, Mapping[str, Any]], object] = execute,
    **details: Any,
) -> None:
    """Append an event to the audit log; the caller commits.

    Args:
        kind: what happened, as `<area>.<act>`; docs/audit.md lists all.
        user_id: whose account it concerns; None when it is nobody's.
        outcome: how it ended.
        actor: who did it; by default the user in a request, and a command elsewhere.
        subject: table and id of the row that it was done to.
        send: what runs the statement; `commit_with` where the COMMIT comes next.
        details: a few more facts; never a value that a user entered.
    """
    inside = has_request_context()
    if actor is None:
        actor = "command" if not inside else "user" if user_id else "nobody"
    table, row_id = subject or (None, None)
    event = {
        "user_id": user_id,
        "actor": actor,
        "device_id": g.get("device_id"),
        "kind": kind,
        "outcome": outcome,
        "request_id": g.get("request_id"),
        "client_network": client_network(request.remote_addr) if inside else None,
        "subject_table": table,
        "subject_id": None if row_id is None else str(row_id),
        "details": orjson.dumps(details, default=str).decode(),
    }
    send(_INSERT, event)


def client_network(address: str | None) -> str | None:
    """The network that an address is in, /24 of IPv4 or /48 of IPv6; None when it is none."""
    try:
        found = ip_address(address or "")
    except ValueError:
        # A client on a unix socket has none.
        return None
    found = getattr(found, "ipv4_mapped", None) or found
    return str(ip_network((found, KEPT_BITS[found.version]), strict=False))
