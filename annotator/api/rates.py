"""How much a token and a person may ask in a minute, counted in Redis, so that all web processes count together."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from functools import lru_cache

import redis
from django.conf import settings

SECONDS = 60
AWAY_SECONDS = 5.0  # after Redis was away, for so long nobody is counted

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Rate:
    """limit: requests a minute; left: how many are; reset: seconds until they are `limit` again."""

    limit: int
    left: int
    reset: int

    @property
    def is_spent(self) -> bool:
        return self.left < 0

    @property
    def headers(self) -> dict[str, str]:
        return {
            "RateLimit-Limit": str(self.limit),
            "RateLimit-Remaining": str(max(self.left, 0)),
            "RateLimit-Reset": str(self.reset),
            "RateLimit-Policy": f"{self.limit};w={SECONDS}",
        }


def rate_of(*, user_id: int, token: str | None) -> Rate | None:
    """Count this request, and say what is left of the scarcer of both limits.

    token  its hash, which tells tokens apart across all databases that share a Redis
    None when nobody counts: no limit is set, or Redis is away. Work never stops because counting does.
    """
    limits = [(f"tiebreak:rate:user:{user_id}", settings.API_PER_MINUTE_PERSON)]
    if token is not None:
        limits.append((f"tiebreak:rate:token:{token}", settings.API_PER_MINUTE_TOKEN))
    limits = [(name, limit) for name, limit in limits if limit]
    client = _client(settings.CELERY_BROKER_URL)
    if not limits or client is None or _Away.until > time.monotonic():
        return None
    window, passed = divmod(int(time.time()), SECONDS)
    try:
        with client.pipeline(transaction=False) as pipe:
            for name, _limit in limits:
                pipe.incr(f"{name}:{window}")
                pipe.expire(f"{name}:{window}", 2 * SECONDS)
            counts = pipe.execute()[::2]
    except redis.exceptions.RedisError as error:
        _Away.until = time.monotonic() + AWAY_SECONDS
        log.warning("Requests are not counted: Redis does not answer (%s).", type(error).__name__)
        return None
    rates = [Rate(limit, limit - count, SECONDS - passed) for (_name, limit), count in zip(limits, counts, strict=True)]
    return min(rates, key=lambda rate: rate.left)


class _Away:
    until = float("-inf")


@lru_cache(maxsize=2)
def _client(url: str) -> redis.Redis | None:
    """The broker where it is a Redis; another kind of broker cannot count."""
    if url.startswith("redis+socket://"):
        url = "unix://" + url.removeprefix("redis+socket://")
    if not url.startswith(("redis://", "rediss://", "unix://")):
        return None
    return redis.Redis.from_url(url, socket_connect_timeout=0.5, socket_timeout=0.5)
