"""The services that answer who may do what, and the same answers without a server."""

from __future__ import annotations

from rempart.services.answers.places import Places
from rempart.services.answers.review import Reviews
from rempart.services.answers.rights import Rights
from rempart.services.answers.why import Whys
from rempart.services.cloudasset import AssetService
from rempart.services.iam.held import AccountsHeld
from rempart.services.kms.held import KmsHeld
from rempart.services.policytroubleshooter import TroubleshooterService
from rempart.services.storage.held import StorageHeld
from rempart.trust.gate import Service
from rempart.trust.policy.decision import PolicyDecision
from rempart.trust.policy.duties import Duty
from rempart.trust.policy.guard import Advisor


def answering(
    decision: PolicyDecision, advisor: Advisor, duties: tuple[Duty, ...]
) -> tuple[Service, ...]:
    """Return the services, over everything that has a policy; `advisor` is asked too."""
    places = Places((StorageHeld(), KmsHeld(), AccountsHeld()))
    return (
        TroubleshooterService(Whys(decision, places, (advisor,))),
        AssetService(Reviews(Rights(decision, places), duties)),
    )
