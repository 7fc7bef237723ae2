"""What a process that serves tells Python's collector, the C library's allocator and the kernel."""

from __future__ import annotations

import ctypes
import gc
import resource

from rempart.core.limits import MIB

COLLECT_AFTER_ALLOCATIONS = 50_000

KEPT_BYTES = 128 * MIB
"""So much freed memory stays with the process, where a busy one wants it back at once."""

MAPPED_BYTES = 32 * MIB
"""From this size on a buffer is mapped by itself; glibc admits no more."""

_PR_SET_DUMPABLE = 4  # <linux/prctl.h>
_TRIM_THRESHOLD, _MMAP_THRESHOLD, _PERTURB = -1, -3, -6  # <malloc.h>, glibc
_WIPED = 0xA5


def settle() -> None:
    """Call once everything is there: it stays, and only requests make garbage from now on.

    The collector then looks at requests' garbage alone. By its own measure glibc gives the pages of
    a body's buffers back after each use, and the kernel clears them again for the next one. Freed
    buffers of more than a kilobyte are overwritten: bodies that went through do not linger.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_ALLOCATIONS, 20, 100)
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:  # another C library has its own ways
        mallopt(_TRIM_THRESHOLD, KEPT_BYTES)
        mallopt(_MMAP_THRESHOLD, MAPPED_BYTES)
        mallopt(_PERTURB, _WIPED)


def keep_out_of_dumps() -> None:
    """Call before keys are in memory: no core dump of this process, no look by others of its user.

    The kernel may still page it out, and root may still read it: Python's objects cannot be pinned
    or wiped one by one. docs/operating.md says what to do about swap.
    """
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    prctl = getattr(ctypes.CDLL(None), "prctl", None)
    if prctl is not None:  # Linux
        prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
