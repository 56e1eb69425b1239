"""Slowing down who guesses passwords, without locking out whose account it is.

Two counts in Redis, kept under keyed digests of the address so that Redis holds no personal data;
an unknown address counts like a known one:

- Attempts on one account from one place (an IPv4 address, an IPv6 /64, or a device that proved to
  be known). After FREE of them each one doubles the wait for the next, up to LONGEST_WAIT.
- Attempts on one account from all unknown places together: BUDGET in BUDGET_WITHIN. It stops a
  guesser with many addresses. A known device, or an address that logged in before, passes it.

An attempt counts when it begins, so that attempts sent all at once count too; one that succeeds is
taken back. Known devices are the "device cookies" of OWASP's guide against locking out. Without
Redis nobody is slowed down, and a metric counts that.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self
from uuid import UUID

from flask import current_app
from redis.exceptions import RedisError

from app.accounts.vault import keyed_digest
from app.errors import TooManyRequests
from app.extensions import client_address, redis
from app.operations.metrics import RATE_LIMIT_UNAVAILABLE

FREE = 5
LONGEST_WAIT = timedelta(minutes=15)
REMEMBERED = timedelta(days=1)
BUDGET = 50
BUDGET_WITHIN = timedelta(hours=1)
KNOWN_FOR = timedelta(days=60)

# KEYS: wait, attempts, spent, known place. ARGV: known device, free, longest wait, remembered,
# budget, budget within (times in ms). Returns the milliseconds to wait, or 0 to go on.
_ENTER = """
local wait = redis.call('PTTL', KEYS[1])
if wait > 0 then return wait end
if ARGV[1] == '0' and redis.call('EXISTS', KEYS[4]) == 0 then
    if tonumber(redis.call('GET', KEYS[3]) or '0') >= tonumber(ARGV[5]) then
        return math.max(redis.call('PTTL', KEYS[3]), 1)
    end
    if redis.call('INCR', KEYS[3]) == 1 then redis.call('PEXPIRE', KEYS[3], ARGV[6]) end
end
local over = redis.call('INCR', KEYS[2]) - ARGV[2]
redis.call('PEXPIRE', KEYS[2], ARGV[4])
if over > 0 then
    local delay = math.min(1000 * 2 ^ math.min(over - 1, 20), ARGV[3])
    redis.call('SET', KEYS[1], '1', 'PX', string.format('%d', delay))
end
return 0
"""
# KEYS: as above. ARGV: known device, "1" to know the place from now on, for how long (ms).
_LEAVE = """
redis.call('DEL', KEYS[1], KEYS[2])
if ARGV[1] == '0' and redis.call('EXISTS', KEYS[4]) == 0
    and tonumber(redis.call('GET', KEYS[3]) or '0') > 0 then
    redis.call('DECR', KEYS[3])
end
if ARGV[2] == '1' then redis.call('SET', KEYS[4], '1', 'PX', ARGV[3]) end
"""


@dataclass(frozen=True)
class Attempt:
    """One attempt to log in, counted as failed until it is taken back."""

    keys: tuple[str, ...] = ()
    known_device: bool = False

    @classmethod
    def begin(cls, email: str, device_id: UUID | None = None) -> Self:
        """Count an attempt of this request's client.

        Args:
            email: the account's address, or what the client takes for one.
            device_id: a device that proved to be one of the account's.

        Raises:
            TooManyRequests: it has to wait; Retry-After tells how long.
        """
        if not current_app.extensions["settings"].rate_limits_enabled:
            return cls()
        attempt = cls(_keys(email, device_id), device_id is not None)
        wait = attempt._run(
            _ENTER,
            FREE,
            _milliseconds(LONGEST_WAIT),
            _milliseconds(REMEMBERED),
            BUDGET,
            _milliseconds(BUDGET_WITHIN),
        )
        if wait is None:
            return cls()
        if wait > 0:
            raise TooManyRequests.for_seconds(
                "Too many attempts to log in to this account", -(-wait // 1000)
            )
        return attempt

    def take_back(self) -> None:
        """It was not the password that failed."""
        self._run(_LEAVE, 0, 0)

    def succeed(self) -> None:
        """The log-in succeeded: the client's address is known from now on."""
        self._run(_LEAVE, 1, _milliseconds(KNOWN_FOR))

    def _run(self, script: str, *arguments: int) -> int | None:
        if not self.keys:
            return None
        known = int(self.known_device)
        try:
            found: Any = redis.client.eval(
                script, len(self.keys), *self.keys, str(known), *map(str, arguments)
            )
        except RedisError:
            RATE_LIMIT_UNAVAILABLE.inc()
            return None
        return int(found or 0)


def know_address(email: str) -> None:
    """Let the account's budget, and waits so far, stop nobody at this request's address."""
    if current_app.extensions["settings"].rate_limits_enabled:
        # Takes nothing back from the budget, which it did not spend.
        Attempt(_keys(email, None), known_device=True).succeed()


def _keys(email: str, device_id: UUID | None) -> tuple[str, ...]:
    account = keyed_digest("log-in throttle", email).hex()
    address = keyed_digest("log-in throttle", client_address()).hex()
    place = str(device_id) if device_id else address
    return (
        f"fivebox:login:wait:{account}:{place}",
        f"fivebox:login:attempts:{account}:{place}",
        f"fivebox:login:spent:{account}",
        f"fivebox:login:known:{account}:{address}",
    )


def _milliseconds(time: timedelta) -> int:
    return time // timedelta(milliseconds=1)
