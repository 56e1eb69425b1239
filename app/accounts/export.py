"""All of a user's data as a zip, made while it is sent.

Rows are read in batches and nothing is kept but the batch at hand, so the size of an account does
not matter. A fault ends the answer without the zip's directory, which no client takes for whole.
"""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from typing import Any
from zipfile import ZIP_DEFLATED

import orjson
import structlog
from sqlalchemy import inspect
from zipstream import ZipStream

from app.accounts import second_factor
from app.accounts.hooks import exporters
from app.accounts.models import Device, User
from app.accounts.reading import Reader
from app.accounts.schemas import UserOutput
from app.analytics.models import ActiveDay
from app.audit.models import AuditEvent
from app.audit.recording import record
from app.current import this_app
from app.database.purge import owned_models
from app.extensions import db
from app.mail.models import Mail
from app.sync.models import SyncSession

# Not what the tokens of a device are recognized by.
DEVICE_COLUMNS = ("id", "name", "user_agent", "created_at", "last_seen_at", "expires_at")
DEVICE_END = ("revoked_at", "revoked_reason")
# Not what the mail server said, nor how often it is asked.
MAIL_COLUMNS = ("id", "template", "recipient", "state", "created_at", "expires_at", "ended_at")

logger = structlog.get_logger(__name__)


def export(user: User) -> Iterator[bytes]:
    """Begin a zip of all that a user has: one JSON file per table, and the files of hooks."""
    reader = Reader(this_app(), user.id)
    profile = _to_json(UserOutput.model_validate(user).model_dump())
    factor = _to_json(second_factor.show(user).model_dump())
    record("account.exported", user.id)
    db.session.commit()
    return _zip(_parts(reader, profile, factor))


def _zip(parts: Iterable[tuple[str, Iterable[bytes]]]) -> Iterator[bytes]:
    archive = ZipStream(compress_type=ZIP_DEFLATED)
    try:
        for path, content in parts:
            archive.add(content, path)
            yield from filter(None, archive.file())
        yield from filter(None, archive.finalize())
    except Exception as error:
        # The status is sent already; the server cuts the answer off.
        logger.error("export failed", event_kind="error", exc_info=error)
        raise


def _parts(reader: Reader, profile: bytes, factor: bytes) -> Iterator[tuple[str, Iterable[bytes]]]:
    yield "profile.json", [profile]
    yield "second_factor.json", [factor]
    yield "devices.json", _array(reader.batches(Device, DEVICE_COLUMNS + DEVICE_END))
    yield "active_days.json", _array(reader.batches(ActiveDay))
    yield "sync_sessions.json", _array(reader.batches(SyncSession))
    yield "mails.json", _array(reader.batches(Mail, MAIL_COLUMNS))
    yield "audit_events.json", _array(reader.batches(AuditEvent))
    for model in reversed(owned_models()):
        yield f"{inspect(model).local_table}.json", _array(reader.batches(model))
    for exporter in exporters:
        yield from exporter(reader)


def _array(batches: Iterable[list[dict[str, Any]]]) -> Iterator[bytes]:
    """A JSON array with one row a line, in one chunk per batch."""
    opening = b"[\n"
    for batch in batches:
        yield opening + b",\n".join(_to_json(row) for row in batch)
        opening = b",\n"
    yield b"[]\n" if opening == b"[\n" else b"\n]\n"


def _to_json(value: Any) -> bytes:
    return orjson.dumps(value, default=_to_text)


def _to_text(value: Any) -> str:
    # Bytes are what a client encrypted; a decimal must not lose digits.
    return b64encode(value).decode() if isinstance(value, bytes) else str(value)
