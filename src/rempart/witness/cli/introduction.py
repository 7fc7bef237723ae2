"""What those whose logs are cosigned need to know of a witness: where it is, what proves it."""

from __future__ import annotations

import json
import shlex
from pathlib import Path

from rempart.core.address import Address
from rempart.standalone import identity
from rempart.tlog.keys import Algorithm
from rempart.witness import keys
from rempart.witness.run import NOTE_NAME
from rempart.witness.settings import NO_TLS, OWN_TLS, Settings

HTTPS_PORT = 443


def url(chosen: Settings, port: int) -> str:
    """Return where logs ask: by the name that the certificate carries, not by what it listens on.

    Behind a proxy this is the proxy, on the usual port.
    """
    behind = chosen.tls == NO_TLS or port == HTTPS_PORT
    place = str(Address(chosen.host, port))
    return f"https://{place.rpartition(':')[0] if behind else place}/"


def invitation(data: Path, chosen: Settings) -> str:
    """Return the command that has a log cosigned here; empty where the port is not known yet."""
    port = chosen.listen.port or _last_port(data)
    if not port:
        return ""
    key = next(
        it for it in keys.public(data) if it.algorithm is Algorithm.COSIGNATURE_ED25519
    )  # fmt: skip
    words = ["rempart", "log", "add-witness", url(chosen, port), key.text]
    if chosen.tls == OWN_TLS:
        words += ["--fingerprint", identity.load(data).fingerprint]
    return shlex.join(words)


def _last_port(data: Path) -> int:
    try:
        listen = json.loads((data / NOTE_NAME).read_bytes())["listen"]
    except FileNotFoundError:
        return 0
    return int(str(listen).rpartition(":")[2])
