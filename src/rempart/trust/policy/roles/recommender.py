"""The roles of who reads, and acts on, recommendations about roles."""

from __future__ import annotations

from rempart.trust.policy.roles.role import PROJECT_SEEN, Role, of

_NOUN = "recommender.iamPolicyRecommendations"
VIEWED = of(_NOUN, "get list")

ROLES = (
    Role("roles/recommender.iamViewer", "IAM Recommender Viewer", VIEWED | PROJECT_SEEN),
    Role(
        "roles/recommender.iamAdmin",
        "IAM Recommender Admin",
        VIEWED | of(_NOUN, "update") | PROJECT_SEEN,
    ),
)
