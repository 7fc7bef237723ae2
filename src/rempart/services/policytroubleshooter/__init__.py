"""Policy Troubleshooter v1, v2alpha1 and v3: whether somebody may do something, and why.

The table below is the service. As at Google no permission is asked for the question itself: an
answer holds what the asker may read elsewhere, and the rest is unknown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rempart.core.call import MethodId
from rempart.core.method import Access, Method
from rempart.services.answers.why import Whys
from rempart.services.policytroubleshooter import api
from rempart.services.policytroubleshooter.api import TroubleStore
from rempart.trust.session import Session
from rempart.wire import WireMethod, WireService

_NAME = "policytroubleshooter"
_WHY = "an answer holds only what the caller may read elsewhere"


def _method(name: str, run: api.Run) -> Method[TroubleStore]:
    return Method(MethodId(f"{_NAME}.{name}"), Access.READ, run, api.nothing, public=_WHY)


METHODS: tuple[Method[TroubleStore], ...] = (
    _method("iam.troubleshoot", api.troubleshoot),
    _method("v1.iam.troubleshoot", api.troubleshoot_v1),
    _method("v2alpha1.iam.troubleshoot", api.troubleshoot_v1),
)

OWN = WireService(
    name=_NAME,
    version="v2alpha1",
    revision="",
    host=_NAME,
    methods=(
        WireMethod(
            id=f"{_NAME}.v2alpha1.iam.troubleshoot", verb="POST", path="v2alpha1/iam:troubleshoot"
        ),
    ),
)
"""What `gcloud policy-troubleshoot` calls; Google publishes no description of that version."""


@dataclass(frozen=True, slots=True)
class TroubleshooterService:
    """The API as the gate serves it."""

    whys: Whys
    name: str = _NAME
    methods: tuple[Method[TroubleStore], ...] = METHODS

    def open(self, session: Session) -> TroubleStore:
        """Return the store of one session."""
        return TroubleStore(self.whys, session)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - nothing is ever staged
        """Do nothing: no method stages anything."""
