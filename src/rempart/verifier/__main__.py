"""The verifier by itself: `python -m rempart.verifier BUNDLE --key VKEY`, nothing else loaded."""

from __future__ import annotations

import sys

from rempart.verifier import NEEDED

__all__ = ["main"]

try:
    from rempart.verifier.program import main
except ModuleNotFoundError as problem:
    wanted = " ".join(f"'{it}'" for it in NEEDED)
    sys.stderr.write(
        f"The verifier needs {problem.name}, which is not here: python3 -m pip install {wanted}\n"
    )
    sys.exit(2)  # 1 would say that something is wrong with what was to be checked

if __name__ == "__main__":
    main(prog_name="python -m rempart.verifier")
