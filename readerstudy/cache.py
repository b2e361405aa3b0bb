"""Where web processes keep what they share for a while. Nothing here imports Django."""

from typing import Any

from readerstudy.environment import SettingError

TABLE = "shared_cache"


def cache(url: str) -> dict[str, Any]:
    """Return Django's CACHES entry: the Redis server at `url`, or a table of the database when it is empty.

    It pushes out what it has no room for, so nothing may lie in it that must stay: no counts of attempts.

    Raises
    ------
    SettingError: an address of another kind.
    """
    if not url:
        return {"BACKEND": "django.core.cache.backends.db.DatabaseCache", "LOCATION": TABLE}
    if not url.startswith(("redis://", "rediss://", "unix://")):
        raise SettingError(
            "CACHE_URL: expected redis://:PASSWORD@HOST:PORT/NUMBER, or nothing for a table of the database; "
            f"got an address beginning with {url.partition(':')[0]!r}"
        )
    return {
        "BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": url,
        "KEY_PREFIX": "readerstudy",
    }
