"""Random streams by name: each drawing step has its own, so that one step never shifts another."""

import zlib

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """Return the generator of one step, a function of the seed and the step's names only."""
    words = [name if isinstance(name, int) else zlib.crc32(name.encode()) for name in names]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, *words])))
