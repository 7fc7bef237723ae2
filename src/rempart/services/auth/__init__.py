"""Sign-in of people in the browser, and the tokens of the programs that they let act for them.

These paths are no Google API methods, so they bypass the method table: the edge serves `Auth`.
"""

from __future__ import annotations

from dataclasses import dataclass

from rempart.core.clock import World
from rempart.services.auth.arrival import Arrival
from rempart.services.auth.bootstraps import Bootstraps
from rempart.services.auth.code_page import CodePages
from rempart.services.auth.consent import Consent
from rempart.services.auth.departure import Departing
from rempart.services.auth.parts import Setup
from rempart.services.auth.provider import Providers
from rempart.services.auth.sessions import SignIns
from rempart.services.auth.site import Site
from rempart.services.auth.tickets import Departure, Flow, Tickets
from rempart.services.auth.tokens import PersonTokens
from rempart.services.oauth2.record import Record
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.identity.federation.federation import Federation
from rempart.trust.identity.federation.issuers import Issuers
from rempart.trust.identity.identify import Identity
from rempart.trust.witness.recorder import Recorder

__all__ = ["Auth", "Ground", "assembled"]


@dataclass(frozen=True, slots=True)
class Auth:
    """The sign-in site, the page that shows a code, and the token endpoints."""

    site: Site
    codes: CodePages
    tokens: PersonTokens


@dataclass(frozen=True, slots=True)
class Ground:
    """What sign-in stands on."""

    sealed: SealedEngine
    identity: Identity
    issuers: Issuers
    federation: Federation
    recorder: Recorder
    world: World


def assembled(ground: Ground, *, tickets_key: bytes, proofs_key: bytes) -> Auth:
    """Return all of it; the keys are for tickets, and for what a session's own forms carry."""
    world, domain = ground.world, ground.identity.domain
    sign_ins = SignIns(ground.sealed, world)
    setup = Setup(
        sealed=ground.sealed,
        sign_ins=sign_ins,
        providers=Providers(ground.issuers, ground.federation),
        federation=ground.federation,
        flows=Tickets(tickets_key, world, Flow),
        departures=Tickets(tickets_key, world, Departure),
        world=world,
        record=Record(ground.recorder, world),
        web_domain=f"cloud.{domain}",
        key=proofs_key,
    )
    bootstraps = Bootstraps(ground.sealed, ground.federation, sign_ins, world)
    site = Site(domain, Departing(setup), Arrival(setup, bootstraps), Consent(setup))
    return Auth(site, CodePages(), PersonTokens(ground.identity, sign_ins, ground.recorder))
