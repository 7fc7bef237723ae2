"""Recommender v1: grants that nobody has used for ninety days.

It answers for google.iam.policy.Recommender alone, in the location `global`: what was given to one
person or account, and of which no permission was used there. The table below is the service.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rempart.core.call import MethodId
from rempart.core.method import Access, Method
from rempart.services.recommender import api
from rempart.services.recommender.store import RecommenderStore, Setup
from rempart.trust.session import Session

LEVELS = ("projects", "folders", "organizations")
_ROWS = (
    ("list", Access.READ, "list", api.list_),
    ("get", Access.READ, "get", api.get),
    ("markClaimed", Access.WRITE, "update", api.marking("CLAIMED")),
    ("markSucceeded", Access.WRITE, "update", api.marking("SUCCEEDED")),
    ("markFailed", Access.WRITE, "update", api.marking("FAILED")),
    ("markDismissed", Access.WRITE, "update", api.marking("DISMISSED")),
)

METHODS: tuple[Method[RecommenderStore], ...] = tuple(
    Method(
        MethodId(f"recommender.{level}.locations.recommenders.recommendations.{name}"),
        access,
        run,
        api.container,
        f"recommender.iamPolicyRecommendations.{verb}",
    )
    for level in LEVELS
    for name, access, verb, run in _ROWS
)


@dataclass(frozen=True, slots=True)
class RecommenderService:
    """The API as the gate serves it."""

    setup: Setup
    name: str = "recommender"
    methods: tuple[Method[RecommenderStore], ...] = METHODS

    def open(self, session: Session) -> RecommenderStore:
        """Return the store of one session."""
        return RecommenderStore(self.setup, session)

    async def discard(self, staged: Any) -> None:  # noqa: ANN401 - nothing is ever staged
        """Do nothing: no method stages anything."""
