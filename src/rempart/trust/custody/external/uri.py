"""Where a key URI or a host name leads: parsed strictly, because customers write them.

Source: ExternalProtectionLevelOptions and ServiceResolver of google.cloud.kms.v1.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from rempart.core.errors import CloudError
from rempart.trust.custody.external.caller import Location, is_path
from rempart.trust.custody.external.endpoint import HTTPS_PORT, Place
from rempart.trust.custody.external.faults import Fault, failure

URI_CHARS_MAX = 1000
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"({_LABEL}(?:\.{_LABEL})*)(?::([1-9][0-9]{{0,4}}))?")
_PORT_MAX = 65535


def place(text: str, pins: tuple[bytes, ...] = ()) -> Place | None:
    """Return the manager that `host` or `host:port` names, or None where that is no host name."""
    found = _HOST.fullmatch(text.lower()) if text.isascii() else None
    if found is None or len(found[1]) > 253:  # noqa: PLR2004 - RFC 1035, section 2.3.4
        return None
    port = int(found[2] or HTTPS_PORT)
    return Place(found[1], port, pins) if port <= _PORT_MAX else None


def location(uri: str) -> Location:
    """Return the key that an external key URI names; raises EXTERNAL_KEY_URI_INVALID."""
    try:
        parts = urlsplit(uri)
    except ValueError as problem:
        raise _misshapen(uri) from problem
    at, path = place(parts.netloc), parts.path.removeprefix("/")
    whole = f"{parts.scheme}://{parts.netloc}{parts.path}"
    if parts.scheme != "https" or at is None or not is_path(path) or whole != uri:
        raise _misshapen(uri)
    if len(uri) > URI_CHARS_MAX:
        raise _misshapen(uri)
    return Location(at, path)


def _misshapen(uri: str) -> CloudError:
    message = (
        "An external key URI has the form https://HOST/PATH, with letters, digits and -._~/ in its"
        f" path, and at most {URI_CHARS_MAX} characters."
    )
    return failure(Fault.EXTERNAL_KEY_URI_INVALID, message, uri[:URI_CHARS_MAX])
