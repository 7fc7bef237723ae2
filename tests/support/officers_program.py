"""`rempart ekm up` as it is: judged by what its officers decided."""

from __future__ import annotations

import sys
from pathlib import Path

from rempart.ekm.cli.up import run

if __name__ == "__main__":
    run(Path(sys.argv[1]))
