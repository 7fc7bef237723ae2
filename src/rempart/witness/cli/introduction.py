"""What those whose logs are cosigned need to know of a witness: where it is, what proves it."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

from rempart.core.address import Address
from rempart.standalone import identity
from rempart.tlog.keys import Algorithm, VerifierKey
from rempart.tlog.policy import usual_name
from rempart.witness import keys
from rempart.witness.run import NOTE_NAME
from rempart.witness.settings import NO_TLS, OWN_TLS, Settings

HTTPS_PORT = 443
_KEY_HOLDER = re.compile(r"[^/]+/log(/[0-9]+)?")


def url(chosen: Settings, port: int) -> str:
    """Return where logs ask: by the name that the certificate carries, not by what it listens on.

    Behind a proxy this is the proxy, on the usual port.
    """
    behind = chosen.tls == NO_TLS or port == HTTPS_PORT
    place = str(Address(chosen.host, port))
    return f"https://{place.rpartition(':')[0] if behind else place}/"


def invitation(data: Path, chosen: Settings) -> str:
    """Return the command that has a universe's log cosigned here.

    It is empty where the port is not known yet.
    """
    port = chosen.listen.port or _last_port(data)
    if not port:
        return ""
    words = ["rempart", "log", "add-witness", url(chosen, port), _key(data).text]
    if chosen.tls == OWN_TLS:
        words += ["--fingerprint", identity.load(data).fingerprint]
    return shlex.join(words)


def line(data: Path, chosen: Settings) -> str:
    """Return the line of a key holder's policy that names this witness; empty without a port."""
    port = chosen.listen.port or _last_port(data)
    key = _key(data)
    return f"witness {usual_name(key)} {key.text} {url(chosen, port)}" if port else ""


def of_key_holder(origin: str) -> bool:
    """Tell whether a log is called as key holders' are: `HOST/log`, or `HOST/log/NUMBER`."""
    return _KEY_HOLDER.fullmatch(origin) is not None


def _key(data: Path) -> VerifierKey:
    found = keys.public(data)
    return next(it for it in found if it.algorithm is Algorithm.COSIGNATURE_ED25519)


def _last_port(data: Path) -> int:
    try:
        listen = json.loads((data / NOTE_NAME).read_bytes())["listen"]
    except FileNotFoundError:
        return 0
    return int(str(listen).rpartition(":")[2])
