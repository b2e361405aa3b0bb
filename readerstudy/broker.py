"""The embedded broker: a transport for kombu over a folder, with messages that are whole or absent.

kombu's own writes a message in place, so a worker can read half of one and die of it. Here a message is written to a
dot-file, synced and renamed; a torn or foreign file is put aside. A lost message costs nothing: the ledger says what
there is to do, and a reconciler sends another.
"""

import uuid
from pathlib import Path
from queue import Empty
from time import time_ns
from typing import Any

from kombu.transport import virtual
from kombu.utils.json import dumps, loads

from readerstudy.durable import write_whole

FOLDER_MODE = 0o700


class Channel(virtual.Channel):  # type: ignore[misc]
    """One folder holds the messages of all queues; which there are, each process declares for itself."""

    @property
    def folder(self) -> Path:
        """The folder of messages, made where there is none, readable by the site's user only."""
        folder = Path(self.connection.client.transport_options["data_folder"])
        folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        return folder

    def _put(self, queue: str, payload: Any, **kwargs: Any) -> None:
        # Wall-clock nanoseconds keep the order of messages across restarts, which a monotonic clock does not.
        name = f"{time_ns():020d}_{uuid.uuid4().hex}.{queue}.msg"
        write_whole(self.folder / name, dumps(payload).encode())

    def _get(self, queue: str) -> Any:
        for path in self._messages(queue):
            claimed = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
            try:
                path.rename(claimed)  # only one worker's rename succeeds
            except FileNotFoundError:
                continue
            try:
                return loads(claimed.read_text(encoding="utf-8"))
            except (ValueError, UnicodeDecodeError):
                continue  # torn or foreign: the reconciler sends another for its unit
            finally:
                claimed.unlink(missing_ok=True)
        raise Empty

    def _size(self, queue: str) -> int:
        return len(self._messages(queue))

    def _purge(self, queue: str) -> int:
        messages = self._messages(queue)
        for path in messages:
            path.unlink(missing_ok=True)
        return len(messages)

    def _messages(self, queue: str) -> list[Path]:
        return sorted(self.folder.glob(f"[!.]*.{queue}.msg"))


class Transport(virtual.Transport):  # type: ignore[misc]
    """The transport behind `atomicfs://`."""

    Channel = Channel
    driver_type = "filesystem"
    driver_name = "atomicfs"
    default_port = 0
