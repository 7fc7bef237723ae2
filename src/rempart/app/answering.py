"""The services that answer who may do what, and what they rest on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rempart.core.clock import World
from rempart.services.answers.places import Places
from rempart.services.answers.rights import Rights
from rempart.services.answers.why import Whys
from rempart.services.cloudasset import AssetService
from rempart.services.cloudasset.review import Reviews
from rempart.services.iam.held import AccountsHeld
from rempart.services.kms.held import KmsHeld
from rempart.services.policytroubleshooter import TroubleshooterService
from rempart.services.recommender import RecommenderService
from rempart.services.recommender.store import Setup
from rempart.services.recommender.unused import Unused
from rempart.services.recommender.work import RecordUses
from rempart.services.storage.held import StorageHeld
from rempart.trust.custody.sealed import SealedEngine
from rempart.trust.identity.issuer import Issuer
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.policy.duties import Duty
from rempart.trust.policy.guard import Advisor, Way
from rempart.trust.policy.uses import Uses
from rempart.trust.session import Service


@dataclass(frozen=True, slots=True)
class Answering:
    """The services, what notes uses for them, and their background work."""

    services: tuple[Service, ...]
    uses: Uses
    work: RecordUses


@dataclass(frozen=True, slots=True)
class Guarding:
    """The guards that are asked too, and the methods by the permission that they ask for."""

    advisors: tuple[Advisor, ...]
    ways: Mapping[str, tuple[Way, ...]]


def answering(
    sealed: SealedEngine,
    world: World,
    decision: PolicyDecision,
    *,
    guarding: Guarding,
    duties: tuple[Duty, ...],
    issuer: Issuer,
) -> Answering:
    """Wire the services over everything that has a policy.

    Reviews are signed by `issuer`.
    """
    places, uses = Places((StorageHeld(), KmsHeld(), AccountsHeld())), Uses(sealed)
    rights, unused = Rights(decision, places), Unused(decision, places, uses)
    return Answering(
        (
            TroubleshooterService(Whys(decision, places, guarding.advisors, guarding.ways)),
            AssetService(Reviews(rights, duties, unused, issuer)),
            RecommenderService(Setup(unused, world)),
        ),
        uses,
        RecordUses(sealed, uses, places, world),
    )
