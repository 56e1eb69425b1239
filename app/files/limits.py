"""What a user may declare: purposes, sizes, the quota, and how much a day."""

import math
import time
from uuid import UUID

import structlog
from flask import current_app
from limits import RateLimitItemPerDay
from redis.exceptions import RedisError
from sqlalchemy import func, select

from app.errors import Problem, TooManyRequests, Unprocessable
from app.extensions import db, limiter
from app.files.models import UserFile
from app.files.purposes import find_purpose
from app.files.schemas import FileInput

# A user whose files fill the quota can still replace them all.
DAILY_QUOTAS = 2

logger = structlog.get_logger(__name__)


class FileTooLarge(Problem):
    """The purpose or the settings allow no file of this size; `limit` in the body is in bytes."""

    status, type = 413, "file-too-large"


class QuotaExceeded(Problem):
    """The user's files would take too much; `used` and `limit` in the body are in bytes."""

    status, type = 413, "quota-exceeded"


def require_allowed(data: FileInput) -> None:
    """See that a purpose takes the file.

    Raises:
        Unprocessable: there is no such purpose, or it does not take this type.
        FileTooLarge: it is larger than the purpose or the settings allow.
    """
    purpose = find_purpose(data.purpose)
    if purpose is None:
        raise Unprocessable("purpose", "there is none of this name")
    if data.content_type not in purpose.types:
        types = ", ".join(sorted(purpose.types))
        raise Unprocessable("content_type", f"files for this purpose are {types}")
    limit = current_app.extensions["settings"].file_max_bytes
    limit = min(limit, purpose.max_bytes or limit)
    if data.size > limit:
        raise FileTooLarge(f"A file for this purpose has at most {limit} bytes.", limit=limit)


def require_room(user_id: UUID, size: int) -> None:
    """See that a file of `size` bytes fits the user's quota, beside those declared and stored.

    Raises:
        QuotaExceeded: it does not.
    """
    limit = current_app.extensions["settings"].files_quota_bytes
    used = int(
        db.session.scalar(
            select(func.coalesce(func.sum(UserFile.size), 0)).where(
                UserFile.user_id == user_id, UserFile.deleted_at.is_(None)
            )
        )
        or 0
    )
    if used + size > limit:
        raise QuotaExceeded(
            f"Your files take {used} of {limit} bytes; delete some first.", used=used, limit=limit
        )


def require_allowance(user_id: UUID, size: int) -> None:
    """Count `size` bytes against what the user may declare in a day: twice the quota.

    For a storage whose upload links outlive their files: by the link of one that is stored or
    deleted bytes come in that the quota does not see, until the clean-up removes them a day later.
    Without Redis nothing is counted.

    Raises:
        TooManyRequests: the day's allowance is used up.
    """
    limit = DAILY_QUOTAS * current_app.extensions["settings"].files_quota_bytes
    item, key = RateLimitItemPerDay(limit), ("uploads", str(user_id))
    try:
        # The lock of the feed keeps a second request from coming between.
        if limiter.limiter.test(item, *key, cost=size):
            limiter.limiter.hit(item, *key, cost=size)
            return
        seconds = math.ceil(limiter.limiter.get_window_stats(item, *key).reset_time - time.time())
    except RedisError:
        logger.warning("uploads not counted", event_kind="files", exc_info=True)
        return
    raise TooManyRequests.for_seconds(
        f"You declared files of {limit} bytes within a day", max(1, seconds)
    )
