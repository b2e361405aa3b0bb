"""Frames and runs in an S3-compatible store, when their addresses name one. Nothing here imports Django."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from readerstudy.environment import SettingError


@dataclass(frozen=True)
class ObjectStore:
    """Who the site is to the store; an empty text leaves the choice to the client's own configuration."""

    endpoint: str
    access_key: str
    secret_key: str
    region: str


def folder(url: str, default: Path) -> Path:
    """Return the folder that an address names when it is an absolute path, else the default."""
    return Path(url) if url.startswith("/") else default


def storages(*, frames: str, runs: str, store: ObjectStore) -> dict[str, Any]:
    """Return Django's STORAGES with an entry `frames` and `runs` for each address that is no folder.

    Raises
    ------
    SettingError: an address other than an absolute path, s3://BUCKET or s3://BUCKET/PREFIX.
    """
    found: dict[str, Any] = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
    }
    for name, url in (("frames", frames), ("runs", runs)):
        if url and not url.startswith("/"):
            found[name] = {"BACKEND": "storages.backends.s3.S3Storage", "OPTIONS": _options(name, url, store)}
    return found


def _options(name: str, url: str, store: ObjectStore) -> dict[str, Any]:
    scheme, _, rest = url.partition("://")
    bucket, _, prefix = rest.partition("/")
    if scheme != "s3" or not bucket:
        raise SettingError(
            f"{name.upper()}_URL: expected s3://BUCKET/PREFIX, an absolute path, or nothing, got {url!r}"
        )
    return {
        "bucket_name": bucket,
        "location": prefix.strip("/"),
        "endpoint_url": store.endpoint or None,
        "access_key": store.access_key or None,
        "secret_key": store.secret_key or None,
        "region_name": store.region,
        "addressing_style": "path" if store.endpoint else "auto",
        "signature_version": "s3v4",
        "file_overwrite": True,
        "default_acl": None,
    }
