"""Hand decoded images from the decoding thread to one that works on them meanwhile."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = Iterator[NDArray[np.uint8]]
"""Decoded images, one after the other, each uint8 size x size (in colour x 3)."""


@contextmanager
def beside(
    work: Callable[[Rows], Any],
) -> Iterator[tuple[Callable[[NDArray[np.uint8]], None], Future[Any]]]:
    """Work in a thread on what the block hands over; give the block what to hand an image to, and the future result.

    The end of the block is the end of the images, and waits for the work. Where the block raises, what the work has not
    taken yet is forgotten.
    """
    queue: SimpleQueue[NDArray[np.uint8] | None] = SimpleQueue()

    def arriving() -> Rows:
        while (row := queue.get()) is not None:
            yield row

    with ThreadPoolExecutor(1, "beside") as pool:
        coming = pool.submit(work, arriving())
        try:
            yield queue.put, coming
        except BaseException:
            # The work takes from it too: to ask first whether any is there could hang.
            with suppress(Empty):
                while True:
                    queue.get_nowait()
            raise
        finally:
            queue.put(None)
