"""What a witness is known by: a certificate that its operator confirmed on another way."""

from __future__ import annotations

import ssl
from hashlib import sha256
from pathlib import Path

from rempart.outbound import Unfetched, certificate, check_url


class Unpinned(Exception):  # noqa: N818 - it is named for what was found
    """The server at an address is not known by what was given; the message says what to do."""


def pinned(url: str, file: Path | None, fingerprint: str | None) -> str:
    """Return the certificate (PEM) to pin, empty where an authority of this machine's vouches.

    The server is asked, and must hold what is pinned. Raises `Unpinned`.
    """
    if file is not None and fingerprint is not None:
        raise Unpinned("Give --certificate or --fingerprint, not both.")
    try:
        check_url(url, loopback=False)
        if file is not None:
            pem = _read(file)
        elif fingerprint is not None:
            pem = _confirmed(url, fingerprint)
        else:
            return _vouched(url)
        certificate(url, pem)
    except Unfetched as problem:
        raise Unpinned(f"{problem}.") from problem
    return pem


def _read(file: Path) -> str:
    try:
        pem = file.read_text(encoding="ascii")
        ssl.create_default_context(cadata=pem or "none")
    except (ssl.SSLError, ValueError) as problem:
        raise Unpinned(f"{file} is no certificate in PEM.") from problem
    return pem


def _confirmed(url: str, fingerprint: str) -> str:
    pem = certificate(url, None)
    shown, wanted = _fingerprint(pem), fingerprint.replace(":", "").strip().lower()
    if shown != wanted:
        raise Unpinned(
            f"{url} shows another certificate, of SHA-256 {shown}. Somebody stands between, or it"
            " was renewed: ask who runs it. Nothing was changed."
        )
    return pem


def _vouched(url: str) -> str:
    try:
        certificate(url, "")
    except Unfetched as problem:
        shown = _fingerprint(certificate(url, None))
        raise Unpinned(
            f"{problem}. The one that it shows has SHA-256 {shown}: if that is the one that its"
            f" operator names on another way, say it again with --fingerprint {shown}"
        ) from problem
    return ""


def _fingerprint(pem: str) -> str:
    return sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()
