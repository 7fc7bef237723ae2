"""What a process that serves tells Python's collector and the C library's allocator."""

from __future__ import annotations

import ctypes
import gc

from rempart.core.limits import MIB

COLLECT_AFTER_ALLOCATIONS = 50_000

KEPT_BYTES = 128 * MIB
"""So much freed memory stays with the process, where a busy one wants it back at once."""

MAPPED_BYTES = 32 * MIB
"""From this size on a buffer is mapped by itself; glibc admits no more."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # <malloc.h>, glibc


def settle() -> None:
    """Call once everything is there: it stays, and only requests make garbage from now on.

    The collector then looks at requests' garbage alone. By its own measure glibc gives the pages of
    a body's buffers back after each use, and the kernel clears them again for the next one.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_ALLOCATIONS, 20, 100)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # another C library has its own ways
        mallopt(_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(_MMAP_THRESHOLD, MAPPED_BYTES)
