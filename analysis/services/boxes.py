"""Folders that one person fills from a browser: found by token, by that person alone, and deleted after a while.

A box is hidden, so that nobody is offered an incomplete one.
"""

import json
import secrets
import shutil
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from analysis.durable import json_bytes, write_whole
from analysis.services.ledger import now

TOLD = "box.json"


def begin(root: Path, actor_id: int, told: Mapping[str, Any]) -> Path:
    """Make a box in `root` for a person, with what is `told` of it; raise OSError where nothing can be written."""
    folder = root / f".{secrets.token_hex(16)}"
    folder.mkdir(mode=0o700, parents=True)
    write_whole(folder / TOLD, json_bytes({**told, "actor": actor_id}), mode=0o600)
    return folder


def find(root: Path, token: str, actor_id: int | None) -> tuple[Path, dict[str, Any]] | None:
    """Return a box and its notes; None where this person has none of this token."""
    folder = root / f".{token}"
    if not token.isalnum() or not (folder / TOLD).is_file():
        return None
    told: dict[str, Any] = json.loads((folder / TOLD).read_text(encoding="utf-8"))
    return (folder, told) if told["actor"] == actor_id else None


def expire(root: Path, kept: timedelta) -> None:
    """Delete every box of `root` in which nothing was begun or has arrived for so long."""
    for folder in root.glob("." + "[0-9a-f]" * 32):
        since = max(path.stat().st_mtime for path in (folder, *folder.iterdir()))
        if since < (now() - kept).timestamp():
            shutil.rmtree(folder, ignore_errors=True)
