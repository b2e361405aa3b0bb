"""The embedded broker: kombu's filesystem transport with messages and tables that are whole or absent.

The stock transport writes a message in place, so that a reader can see half of it and its worker dies of
it. Here a message is written to a dot-file, synced and renamed; a torn or foreign file is put aside. A lost
message costs nothing: the ledger says what there is to do, and a reconciler sends another.
"""

import uuid
from pathlib import Path
from queue import Empty
from time import time_ns
from typing import Any

from kombu.transport import filesystem, virtual
from kombu.utils.json import dumps, loads

from readerstudy.durable import write_whole

FOLDER_MODE = 0o700


class Channel(filesystem.Channel):  # type: ignore[misc]
    """One folder holds the messages; `control` below it holds the table of queues."""

    @property
    def folder(self) -> Path:
        """The folder of messages, made on first use, readable by the site's user only."""
        folder = Path(self.transport_options["data_folder"])
        folder.mkdir(parents=True, exist_ok=True, mode=FOLDER_MODE)
        return folder

    @property
    def data_folder_in(self) -> str:
        return str(self.folder)

    data_folder_out = data_folder_in

    @property
    def control_folder(self) -> Path:
        folder = self.folder / "control"
        folder.mkdir(exist_ok=True, mode=FOLDER_MODE)
        return folder

    def get_table(self, exchange: str) -> list[Any]:
        """Return the queues of an exchange: those on disk, and those that this process bound itself.

        The second part lets a running process send messages after the folder was emptied.
        """
        rows = [*self._table_on_disk(exchange), *self.connection.bound.get(exchange, [])]
        return list(dict.fromkeys(rows))

    def _table_on_disk(self, exchange: str) -> list[Any]:
        try:
            rows = loads(self._exchange_file(exchange).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return []
        return [filesystem.exchange_queue_t(*row) for row in rows]

    def _queue_bind(self, exchange: str, routing_key: str, pattern: str, queue: str) -> None:
        row = filesystem.exchange_queue_t(routing_key or "", pattern or "", queue or "")
        self.connection.bound.setdefault(exchange, []).append(row)
        table = self._table_on_disk(exchange)
        if row not in table:
            write_whole(self._exchange_file(exchange), dumps([row, *table]).encode())

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


class Transport(filesystem.Transport):  # type: ignore[misc]
    """The transport behind `atomicfs://`."""

    Channel = Channel
    driver_type = "filesystem"
    driver_name = "atomicfs"

    def __init__(self, client: Any, **kwargs: Any) -> None:
        super().__init__(client, **kwargs)
        # kombu keeps one state per process, so a second folder would get no table of queues.
        self.state = virtual.BrokerState()
        self.bound: dict[str, list[Any]] = {}
