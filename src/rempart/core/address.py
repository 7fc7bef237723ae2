"""Where something listens or is reached: a host and a port."""

from __future__ import annotations

from dataclasses import dataclass

from typing_extensions import override

PORT_MAX = 65535


@dataclass(frozen=True, slots=True)
class Address:
    """A host and a port; for something that listens, port 0 asks for a free one."""

    host: str
    port: int

    @override
    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @property
    def loopback(self) -> bool:
        """Return whether only programs of this machine reach the address."""
        return self.host in {"localhost", "::1"} or self.host.startswith("127.")


def parse_address(text: str) -> Address | None:
    """Return the address that `HOST:PORT` names, or None where it names none."""
    host, colon, port = text.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or int(port) > PORT_MAX:
        return None
    return Address(host, int(port))
