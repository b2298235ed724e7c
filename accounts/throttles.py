"""How often a credential may call: a token bucket in Valkey, spent by one atomic call.

Without Valkey a bucket of this process takes over at half the rate: never open, never down.
"""

from __future__ import annotations

import threading
from functools import cache
from typing import Any, NamedTuple

from django.conf import settings
from redis import Redis, RedisError
from rest_framework.throttling import BaseThrottle

from accounts.models import APIKey
from accounts.services import lockout
from emailseq.lib import clock

# The generic cell rate algorithm: one number per bucket, the instant at which it will be full.
# A call moves that by one token's time, unless it would then lie more than a window ahead.
_TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local window, cost = tonumber(ARGV[1]), tonumber(ARGV[2])
local full_at = math.max(tonumber(redis.call('GET', KEYS[1]) or 0), now)
if full_at + cost - now > window then
    return {0, full_at - now}
end
full_at = full_at + cost
redis.call('SET', KEYS[1], string.format('%.0f', full_at), 'PX', math.ceil((full_at - now) / 1000))
return {1, full_at - now}
"""
_SECOND = 1_000_000  # all times here are in microseconds
_PERIODS = {"s": 1, "m": 60, "h": 3600}
_MOST_LOCAL_BUCKETS = 10_000


class Rate(NamedTuple):
    """`quota` calls per `window` seconds; a full bucket holds the quota."""

    quota: int
    window: int

    @classmethod
    def parse(cls, text: str) -> Rate:
        """`6000/min` -> Rate(6000, 60)."""
        quota, _, period = text.partition("/")
        return cls(int(quota), _PERIODS[period[0]])

    @property
    def cost(self) -> int:
        """The time that one token takes to come back."""
        return self.window * _SECOND // self.quota

    def headers(self, used: int) -> dict[str, str]:
        """What the caller is told, in the fields of the IETF draft and in the older ones."""
        left = max((self.window * _SECOND - used) // self.cost, 0)
        return {
            "RateLimit-Policy": f'"key";q={self.quota};w={self.window}',
            "RateLimit": f'"key";r={left};t={-(-used // _SECOND)}',
            "X-RateLimit-Limit": str(self.quota),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": str(-(-used // _SECOND)),
        }


class CredentialThrottle(BaseThrottle):
    """At most API_RATE, or a key's own rate; who has no credential is not counted, but refused."""

    retry_after: float = 0

    def allow_request(self, request: Any, view: Any) -> bool:
        caller, rate = self.bucket(request)
        if caller is None:
            return True
        allowed, used = _take(caller, rate)
        view.headers.update(rate.headers(used))
        self.retry_after = (used + rate.cost) / _SECOND - rate.window
        return allowed

    def wait(self) -> float:
        return self.retry_after

    def bucket(self, request: Any) -> tuple[str | None, Rate]:
        """Whose bucket the request draws on, and how large that is."""
        own = request.auth.rate if isinstance(request.auth, APIKey) else ""
        rate = Rate.parse(own or settings.API_RATE)
        if request.auth is None:
            return None, rate
        return f"{request.actor.kind}:{request.actor.id}", rate


class SignInThrottle(BaseThrottle):
    """Refuses who has failed too often, here or in the back office: guessing takes for ever."""

    def allow_request(self, request: Any, view: Any) -> bool:
        given = request.data.get("email") if isinstance(request.data, dict) else None
        account = given if isinstance(given, str) else ""
        self.left = lockout.seconds_left(account, request.META["REMOTE_ADDR"])
        return not self.left

    def wait(self) -> float:
        return self.left


def _take(caller: str, rate: Rate) -> tuple[bool, int]:
    """Whether there was a token for the caller, and how far from full the bucket is then."""
    try:
        client = _client(settings.BUCKETS_URL)
        taken, used = client.eval(_TAKE, 1, f"rate:{caller}", rate.window * _SECOND, rate.cost)
    except RedisError:
        return _take_here(caller, rate)
    return bool(taken), used


@cache
def _client(url: str) -> Redis:
    return Redis.from_url(url, socket_connect_timeout=0.25, socket_timeout=0.25)


_full_at: dict[str, float] = {}
_lock = threading.Lock()


def _take_here(caller: str, rate: Rate) -> tuple[bool, int]:
    """The same, in this process's memory and at twice the price."""
    now = int(clock.now().timestamp() * _SECOND)
    with _lock:
        if len(_full_at) > _MOST_LOCAL_BUCKETS:
            for full in [name for name, instant in _full_at.items() if instant <= now]:
                del _full_at[full]
        full_at = max(_full_at.get(caller, 0), now)
        taken = full_at + 2 * rate.cost - now <= rate.window * _SECOND
        if taken:
            full_at = _full_at[caller] = full_at + 2 * rate.cost
    return taken, int(full_at - now)
