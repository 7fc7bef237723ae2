"""Where a call comes from, as access levels ask it: its address, country, caller, device, time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from rempart.core.call import Peer
from rempart.core.clock import Micros
from rempart.trust.policy.perimeters.devices import Authorities, attributes, read_authorities
from rempart.trust.policy.perimeters.geography import (
    Address,
    Geography,
    parse_ip,
    read_geography,
)
from rempart.trust.policy.watched import Watched

_ADVICE = " A level asks for a device's certificate: hosts of mtls, such as storage.mtls, take one."


@dataclass(slots=True)
class Origin:
    """Where a call comes from, and the levels that were found for it.

    `device_missed` tells whether a level asked for a certificate, and none came with the call.
    """

    peer: Peer
    member: str
    time: Micros
    geography: Geography | None = None
    authorities: Authorities | None = None
    found: dict[str, bool | None] = field(default_factory=dict)
    device_missed: bool = False
    _certificate: Mapping[str, object] | None = field(default=None, init=False)

    @property
    def address(self) -> Address | None:
        """Return the address, None where it is unknown."""
        return parse_ip(self.peer.address)

    @property
    def country(self) -> str:
        """Return the country, empty where it is unknown."""
        return self.geography.country(self.address) if self.geography else ""

    @property
    def untold(self) -> bool:
        """Tell whether a level hangs on what nobody has told of where the call comes from."""
        missed = not self.peer.address or self.device_missed
        return missed and None in self.found.values()

    @property
    def advice(self) -> str:
        """Return how the certificate of a device is shown, where a level asked for one in vain."""
        return _ADVICE if self.device_missed else ""

    def certificate(self) -> Mapping[str, object]:
        """Return the attributes of the device's certificate, none where it is unknown."""
        shown = self.peer.certificate
        if not shown:
            self.device_missed = True
            return {}
        if self._certificate is None:
            self._certificate = attributes(shown, self.authorities, self.time)
        return self._certificate


@dataclass(frozen=True, slots=True)
class Origins:
    """Says where calls come from, by the tables that the operator keeps."""

    geography: Watched[Geography] = field(
        default_factory=lambda: Watched(None, read_geography, "the table of addresses")
    )
    authorities: Watched[Authorities] = field(
        default_factory=lambda: Watched(None, read_authorities, "the authorities of devices")
    )

    async def of(self, peer: Peer, member: str, time: Micros) -> Origin:
        """Return where a call comes from, to be asked for access levels."""
        geography = await self.geography.current(time)
        authorities = await self.authorities.current(time) if peer.certificate else None
        return Origin(peer, member, time, geography, authorities)
