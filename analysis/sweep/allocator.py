"""Keep memory that was freed: on virtual machines each fresh page is dear, and a forward pass asks for many.

glibc gives large blocks back to the system at once and fetches them anew for the next batch. Told not to, it
keeps them. Elsewhere than with glibc nothing is done.
"""

import ctypes
import os

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
"""Numbers of the options of mallopt(3)."""

_KEPT = 2**31 - 1
_PAD = 64 << 20


def keep_freed_memory() -> bool:
    """Tell glibc to keep what is freed; return whether it took it."""
    if not hasattr(os, "confstr") or "CS_GNU_LIBC_VERSION" not in os.confstr_names:
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (OSError, AttributeError):
        return False
    settings = ((_MMAP_MAX, 0), (_TRIM_THRESHOLD, _KEPT), (_TOP_PAD, _PAD))
    return all([mallopt(option, value) == 1 for option, value in settings])
