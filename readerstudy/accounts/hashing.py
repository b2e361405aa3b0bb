"""Few passwords are hashed at a time on a host, over all its processes; the others wait or are told to try again.

One hash takes 100 MB and a fifth of a second of processor time, and anybody may ask for one by posting a sign-in.
Without a bound a few dozen connections take all cores and threads from the readers. The bound sits in the hasher
itself, so that no caller can forget it. Slots and waiting places are locked files in one folder of the site: a lock
ends with its process, however that ends.
"""

import fcntl
import functools
import os
import struct
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from django.conf import settings
from django.contrib.auth.hashers import Argon2PasswordHasher

AT_ONCE = max(1, (os.cpu_count() or 1) // 2)
"""Hashes at a time: half of the cores stay for everybody else."""
COME_AGAIN_S = 2
"""Seconds after which anyone who found no place is asked to come again."""
NICENESS = 3
"""As `nice` counts, for the threads that hash: the kernel gives a reader's page the core first."""
REMEMBERED_S = 60
"""Seconds for which it is known that somebody was sent away."""
_MEMORY = struct.Struct("<Id")
_here = threading.local()
_inside: set[int] = set()
_counting = threading.Lock()
Result = TypeVar("Result")


class NotNowError(Exception):
    """Sign-in is refused for a while; `seconds` says how long, at least 1."""

    def __init__(self, seconds: float) -> None:
        """Keep the time."""
        self.seconds = max(1, round(seconds))
        super().__init__(f"not before {self.seconds} s from now")


class BusyError(NotNowError):
    """All places in the queue for a password's hash are taken."""


@dataclass(frozen=True)
class Queue:
    """A waiting room of `places` on the host; a waiting request looks for a free slot every `every` seconds.

    Each place holds a thread of a web process while it is taken, hence so few of them, and no more than `of_process`
    in one process, all queues together: of the four threads of a process one is left for the pages of readers.
    Anyone who looks more often is served sooner.
    """

    name: str
    places: int
    of_process: int
    patience: float
    every: float


KNOWN = Queue("known", 4, 3, 15.0, 0.005)
"""People who are signed in, browsers that a person has signed in with before, commands."""
RETURNING = Queue("returning", 3, 2, 10.0, 0.01)
"""Those who were sent away before and have come again, as asked."""
STRANGERS = Queue("strangers", 3, 1, 5.0, 0.2)
"""Everybody else."""


class Hasher(Argon2PasswordHasher):
    """Argon2 with Django's parameters, so that stored hashes stay as they are, in the host's turn."""

    def encode(self, password: str, salt: str) -> str:
        """Hash a password when its turn has come.

        Raises
        ------
        BusyError: too many wait already.
        """
        return _in_turn(super().encode, password, salt)

    def verify(self, password: str, encoded: str) -> bool:
        """Compare a password with a hash when its turn has come.

        Raises
        ------
        BusyError: too many wait already.
        """
        return _in_turn(super().verify, password, encoded)


def _in_turn(work: Callable[..., Result], *given: Any) -> Result:
    with turn(KNOWN):
        return _worker().submit(work, *given).result()


@contextmanager
def turn(queue: Queue) -> Iterator[None]:
    """Hold one of the host's slots; anyone who holds one already keeps that.

    Raises
    ------
    BusyError: the queue has no place left, or nobody let go of a slot for as long as it waits.
    """
    if getattr(_here, "has_slot", False):
        yield
        return
    with _thread_to_spare(queue):
        slot = _wait(queue)
        _here.has_slot = True
        try:
            yield
        finally:
            _here.has_slot = False
            os.close(slot)


@contextmanager
def _thread_to_spare(queue: Queue) -> Iterator[None]:
    """Be one of the threads of this process that wait or hash."""
    with _counting:
        if len(_inside) >= queue.of_process:
            raise BusyError(COME_AGAIN_S)
        _inside.add(threading.get_ident())
    try:
        yield
    finally:
        with _counting:
            _inside.discard(threading.get_ident())


def _wait(queue: Queue) -> int:
    place = _lock(queue.name, queue.places)
    if place is None:
        raise BusyError(COME_AGAIN_S)
    try:
        deadline = time.monotonic() + queue.patience
        while (slot := _lock("slot", AT_ONCE)) is None:
            if time.monotonic() > deadline:
                raise BusyError(COME_AGAIN_S)
            time.sleep(queue.every)
        return slot
    finally:
        os.close(place)


def _lock(name: str, count: int) -> int | None:
    """Lock one of the files name-0 to name-<count - 1>; None when others hold them all."""
    for number in range(count):
        file = os.open(_folder() / f"{name}-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            os.close(file)
    return None


def _folder() -> Path:
    folder: Path = settings.HASHING_SLOTS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def remember(name: str) -> None:
    """Note that somebody was sent away now. `name`: 64 hexadecimal digits.

    Not in the database: under a flood this happens hundreds of times a second, and forgetting one does no harm.
    """
    cell, tag = _place_of(name)
    with suppress(OSError), _memory() as file:
        os.pwrite(file, _MEMORY.pack(tag, time.time()), cell)


def has_come_again(name: str) -> bool:
    """Say whether somebody was sent away and has let a second pass since: anyone who keeps trying never has."""
    cell, tag = _place_of(name)
    with _memory() as file:
        there, at = _MEMORY.unpack(os.pread(file, _MEMORY.size, cell).ljust(_MEMORY.size, b"\0"))
    return bool(there == tag and 1 <= time.time() - at <= REMEMBERED_S)


def _place_of(name: str) -> tuple[int, int]:
    """Return where a note is, and what tells it from another one in the same place."""
    return int(name[:4], 16) * _MEMORY.size, int(name[4:12], 16)


@contextmanager
def _memory() -> Iterator[int]:
    file = os.open(_folder() / "sent-away", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield file
    finally:
        os.close(file)


@functools.cache
def _worker() -> ThreadPoolExecutor:
    """Threads of their own, since only a thread that hashes may give way, not one that answers."""
    return ThreadPoolExecutor(AT_ONCE, "hashing", _give_way)


def _give_way() -> None:
    if settings.READERS_FIRST:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
