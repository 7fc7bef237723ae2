"""Connections of clients that the TLS door asked for a certificate.

The door writes the header that tells it, and takes away one that a client sent. No other listener
reads such a header: there it is one like any other. Source: Envoy's x-forwarded-client-cert.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import unquote_to_bytes

from typing_extensions import override

from rempart.edge.http.protocol import EXTENSIONS, StrictProtocol

TLS: Final = "tls"
"""The ASGI extension with `client_cert`, a PEM, where the client showed one."""

_HEADER: Final = b"x-forwarded-client-cert"
_FORWARDED: Final = re.compile(rb'Hash=[0-9a-f]{64};Cert="([A-Za-z0-9%._~-]+)"')


class CertifiedProtocol(StrictProtocol):
    """A connection from the socket of the hosts that ask for a certificate."""

    @override
    def on_headers_complete(self) -> None:
        """Take the certificate out of the head, and start the application with it."""
        said = [value for name, value in self.headers if name == _HEADER]
        self.headers[:] = [one for one in self.headers if one[0] != _HEADER]
        self._extensions = EXTENSIONS
        if said:
            forwarded = _FORWARDED.fullmatch(said[0])
            if forwarded is None or len(said) > 1:
                self.transport.abort()
                return
            certificate = unquote_to_bytes(forwarded[1])
            self._extensions = {**EXTENSIONS, TLS: {"client_cert": certificate}}
        super().on_headers_complete()
