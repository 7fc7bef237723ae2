"""Cloud Asset Inventory v1, as far as it tells of rights: Policy Analyzer and the policy search.

The table below is the service. Both methods tell of policies that the caller may not read one by
one: that is what their permission on the scope is for, as at Google. All is of now.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rempart.core.call import MethodId
from rempart.core.method import Access, Method
from rempart.services.cloudasset import analysis, reviewing, searching
from rempart.services.cloudasset.asked import AssetStore, scope
from rempart.services.cloudasset.review import Reviews
from rempart.trust.session import Session
from rempart.wire import WireMethod, WireParameter, WireService

METHODS: tuple[Method[AssetStore], ...] = (
    Method(
        MethodId("cloudasset.analyzeIamPolicy"),
        Access.READ,
        analysis.analyze,
        scope,
        "cloudasset.assets.analyzeIamPolicy",
    ),
    Method(
        MethodId("cloudasset.searchAllIamPolicies"),
        Access.READ,
        searching.search,
        scope,
        "cloudasset.assets.searchAllIamPolicies",
    ),
    Method(
        MethodId("cloudasset.reviewRights"),
        Access.READ,
        reviewing.review,
        scope,
        "cloudasset.assets.searchAllIamPolicies",
    ),
)

OWN = WireService(
    name="cloudasset",
    version="v1",
    revision="",
    host="cloudasset",
    methods=(
        WireMethod(
            id="cloudasset.reviewRights",
            verb="GET",
            path="v1/{scope=*/*}:reviewRights",
            parameters=(
                WireParameter("scope", "path", "string", required=True),
                WireParameter("period", "query", "string", enum=("QUARTERLY", "YEARLY")),
            ),
        ),
    ),
)
"""This universe's own method: the lists that `rempart review` prints."""


@dataclass(frozen=True, slots=True)
class AssetService:
    """The API as the gate serves it."""

    reviews: Reviews
    name: str = "cloudasset"
    methods: tuple[Method[AssetStore], ...] = METHODS

    def open(self, session: Session) -> AssetStore:
        """Return the store of one session."""
        return AssetStore(self.reviews, session)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - nothing is ever staged
        """Do nothing: no method stages anything."""
