"""What syncs: timers. Keys do not: which is current, and rewrapping, need a say of the server."""

from collections.abc import Sequence
from uuid import UUID

from app.products.timers.models import Timer
from app.products.timers.schemas import TimerFields
from app.products.timers.service import claim_nonces
from app.sync.collection import Change, Collection


def _settle(user_id: UUID, changes: Sequence[Change]) -> None:
    stored = [change.after for change in changes if change.after is not None]
    if stored:
        claim_nonces(user_id, stored)


collections = [Collection("timers", Timer, TimerFields, settle=_settle)]
