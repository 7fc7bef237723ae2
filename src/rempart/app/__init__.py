"""Wiring: the one package that knows everyone.

config → engine → custody → identity, policy, witness → gate → services → doors. Start in
`assembly.py`, the list of a universe's parts; `services.py` lists its services, and `serving.py`
opens the doors to them.
"""

from __future__ import annotations

from rempart.app.asking import answers
from rempart.app.assembly import Parts, assemble
from rempart.app.engine import open_engine
from rempart.app.founding import ADMIN_KEY, first_start, found
from rempart.app.offline import issuer_keys, left_over_keys, services_covered
from rempart.app.outside import elsewhere
from rempart.app.serving import serve
from rempart.app.verifying import checks, verify

__all__ = [
    "ADMIN_KEY",
    "Parts",
    "answers",
    "assemble",
    "checks",
    "elsewhere",
    "first_start",
    "found",
    "issuer_keys",
    "left_over_keys",
    "open_engine",
    "serve",
    "services_covered",
    "verify",
]
