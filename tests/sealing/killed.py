"""A `rempart` command that is killed at its n-th change of a file; run under the faults' shim.

Arguments: the directory that is watched, n, then the command's words.
"""

from __future__ import annotations

import ctypes
import sys

from rempart.__main__ import main

if __name__ == "__main__":
    watched, number = sys.argv[1], int(sys.argv[2])
    sys.argv[1:] = sys.argv[3:]
    ctypes.CDLL(None).fault_arm(watched.encode(), b"kill", ctypes.c_long(number), -1)
    main()
