"""Which OAuth scopes admit which API, and what a self-signed token is good for.

The scope URLs keep Google's name in every universe.
"""

from __future__ import annotations

from rempart.trust.identity.refusal import Rejected
from rempart.trust.identity.strict import Claims

SCOPE = "https://www.googleapis.com/auth/"
_EVERYWHERE = frozenset((SCOPE + "cloud-platform", SCOPE + "cloud-platform.read-only"))
_OF_SERVICE = {
    "storage": (SCOPE + "devstorage.",),
    "iam": (SCOPE + "iam",),
    "iamcredentials": (SCOPE + "iam",),
    "cloudkms": (SCOPE + "cloudkms",),
    "cloudresourcemanager": (SCOPE + "cloudplatformprojects",),
    "pubsub": (SCOPE + "pubsub",),
    "compute": (SCOPE + "compute",),
    "bigquery": (SCOPE + "bigquery",),
    "logging": (SCOPE + "logging.",),
    "monitoring": (SCOPE + "monitoring",),
    "datastore": (SCOPE + "datastore",),
    "firestore": (SCOPE + "datastore",),
    "spanner": (SCOPE + "spanner.",),
    "bigtable": (SCOPE + "bigtable.", SCOPE + "cloud-bigtable."),
    "bigtableadmin": (SCOPE + "bigtable.", SCOPE + "cloud-bigtable."),
    "sqladmin": (SCOPE + "sqlservice.",),
    "servicemanagement": (SCOPE + "service.management",),
    "serviceusage": (SCOPE + "service.management",),
}
"""By service: prefixes of the scopes that admit it, besides those that admit every service."""


def admit(scopes: frozenset[str], service: str) -> bool:
    """Tell whether scopes admit an API at all; how far they reach is policy's question."""
    return not scopes.isdisjoint(_EVERYWHERE) or any(
        scope.startswith(_OF_SERVICE.get(service, ())) for scope in scopes
    )


def check_purpose(claims: Claims, service: str, domain: str) -> frozenset[str] | None:
    """Return the scopes of a self-signed access token (None without any); raises Rejected.

    An audience, where there is one, names the service that is called, in this universe or by
    Google's own name, which Python's clients use everywhere; so a token that was made for the
    token endpoint is good for nothing else.
    """
    if claims.target_audience:
        raise Rejected("asks for an identity token")
    if claims.subject != claims.issuer:
        raise Rejected("speaks for another subject")
    if claims.audience and claims.audience.removesuffix("/") not in (
        f"https://{service}.{domain}",
        f"https://{service}.googleapis.com",
    ):
        raise Rejected("made for another service")
    if not claims.audience and not admit(claims.scopes, service):
        raise Rejected("neither a scope nor an audience for this service")
    return claims.scopes or None
