"""Removing what is long gone, user by user: row-level security stays in force."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, func, select, text

from app.accounts.models import Device, User
from app.database.base import Base, OwnedRow
from app.database.session import act_as
from app.extensions import db
from app.products import all_products, parts
from app.sync.models import SyncSession

DEVICE_DAYS = 90
SESSION_DAYS = 90


def purge(days: int) -> tuple[int, int, int]:
    """Remove tombstones, ended devices and old sync sessions; one transaction per user.

    `sync_state.purge_floor` rises to the highest revision removed: a client that last pulled
    before it has missed a deletion and must fetch everything.

    Args:
        days: age of the tombstones to remove; devices ended 90 days ago go too, and sync
            sessions of that age.

    Returns:
        the number of rows, of devices and of sync sessions removed.
    """
    act_as(None, scope="accounts")
    users = db.session.scalars(select(User.id)).all()
    db.session.commit()
    rows = devices = sessions = 0
    now = datetime.now(UTC)
    conditions = {
        model: (model.deleted_at < now - timedelta(days=days), *_without_children(model))
        for model in owned_models()
    }
    for user_id in users:
        act_as(user_id)
        # The counter's lock keeps out writers, which could revive a row meanwhile.
        db.session.execute(text("SELECT FROM sync_state FOR UPDATE"))
        floor = 0
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
        devices += len(
            db.session.scalars(
                delete(Device)
                .where(Device.user_id == user_id, ended < now - timedelta(days=DEVICE_DAYS))
                .returning(Device.id)
            ).all()
        )
        sessions += len(
            db.session.scalars(
                delete(SyncSession)
                .where(
                    SyncSession.user_id == user_id,
                    SyncSession.last_at < now - timedelta(days=SESSION_DAYS),
                )
                .returning(SyncSession.device_id)
            ).all()
        )
        db.session.commit()
    return rows, devices, sessions


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
