"""Removing what is long gone, user by user: row-level security stays in force."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import structlog
from sqlalchemy import ColumnElement, delete, exists, func, select, text

from app.accounts.models import Device, User
from app.database.base import Base, OwnedRow
from app.database.session import act_as
from app.extensions import db
from app.products import all_products, parts
from app.sync.models import SyncSession

DEVICE_DAYS = 90
SESSION_DAYS = 90
# A full account has many rows, and nobody waits for the answer. For one transaction.
PATIENCE = text("SELECT set_config('statement_timeout', '600s', true)")

logger = structlog.get_logger(__name__)


@dataclass
class Tally:
    """What a run removed; `failed` counts the users of whom it removed nothing, by a fault."""

    rows: int = 0
    devices: int = 0
    sessions: int = 0
    failed: int = 0


def purge(days: int) -> Tally:
    """Remove tombstones, ended devices and old sync sessions; one transaction per user.

    `sync_state.purge_floor` rises to the highest revision removed: a client that last pulled
    before it has missed a deletion and must fetch everything. What fails is logged, and tried
    again by the next run.

    Args:
        days: age of the tombstones to remove; devices ended 90 days ago go too, and sync
            sessions of that age.
    """
    act_as(None, scope="accounts")
    users = db.session.scalars(select(User.id)).all()
    db.session.commit()
    tally = Tally()
    now = datetime.now(UTC)
    conditions = {
        model: (model.deleted_at < now - timedelta(days=days), *_without_children(model))
        for model in owned_models()
    }
    for user_id in users:
        try:
            rows, devices, sessions = _purge(user_id, conditions, now)
        except Exception as error:
            db.session.rollback()
            tally.failed += 1
            logger.error(
                "purge of rows failed", event_kind="error", user_id=str(user_id), exc_info=error
            )
            continue
        tally.rows += rows
        tally.devices += devices
        tally.sessions += sessions
    return tally


def _purge(
    user_id: UUID,
    conditions: Mapping[type[OwnedRow], Sequence[ColumnElement[bool]]],
    now: datetime,
) -> tuple[int, int, int]:
    act_as(user_id)
    db.session.execute(PATIENCE)
    # The counter's lock keeps out writers, which could revive a row meanwhile.
    db.session.execute(text("SELECT FROM sync_state FOR UPDATE"))
    rows = floor = 0
    for model, gone in conditions.items():
        removed = db.session.scalars(
            delete(model).where(model.user_id == user_id, *gone).returning(model.rev)
        ).all()
        rows += len(removed)
        floor = max(floor, *removed, 0)
    db.session.execute(
        text("UPDATE sync_state SET purge_floor = greatest(purge_floor, :floor)"),
        {"floor": floor},
    )
    ended = func.coalesce(Device.revoked_at, Device.expires_at)
    devices = db.session.scalars(
        delete(Device)
        .where(Device.user_id == user_id, ended < now - timedelta(days=DEVICE_DAYS))
        .returning(Device.id)
    ).all()
    sessions = db.session.scalars(
        delete(SyncSession)
        .where(
            SyncSession.user_id == user_id,
            SyncSession.last_at < now - timedelta(days=SESSION_DAYS),
        )
        .returning(SyncSession.device_id)
    ).all()
    db.session.commit()
    return rows, len(devices), len(sessions)


def owned_models() -> list[type[OwnedRow]]:
    """All models of owned rows, also of products that are turned off.

    A row that others refer to goes last: so it goes in the same run as they.
    """
    parts(all_products(), "models")
    order = {table.name: n for n, table in enumerate(Base.metadata.sorted_tables)}
    models = [m for m in Base.registry.mappers if issubclass(m.class_, OwnedRow)]
    models.sort(key=lambda mapper: -order[mapper.class_.__table__.name])
    return [mapper.class_ for mapper in models]


def _without_children(model: type[OwnedRow]) -> list[ColumnElement[bool]]:
    """That no row refers to one of the model: the foreign key would take it along uncounted.

    A tombstone that is still young is such a row too, which some device has to hear of.
    """
    return [
        ~exists().where(*(pair.parent == pair.column for pair in key.elements))
        for table in Base.metadata.sorted_tables
        for key in table.foreign_key_constraints
        if key.referred_table is model.__table__
    ]
