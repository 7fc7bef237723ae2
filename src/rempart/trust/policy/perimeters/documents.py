"""Access policies with their levels and perimeters: the shapes of Google's JSON, as sealed values.

One document holds a whole access policy, so that replacing all levels or committing all dry runs
is one change, and its etag is that of everything in it.

Source: google.identity.accesscontextmanager.v1.
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from rempart.core.clock import Micros
from rempart.core.policy import Policy
from rempart.trust.custody.kind import Kind

IdentityType = Literal[
    "IDENTITY_TYPE_UNSPECIFIED", "ANY_IDENTITY", "ANY_USER_ACCOUNT", "ANY_SERVICE_ACCOUNT"
]
UNSPECIFIED_IDENTITY: Final = "IDENTITY_TYPE_UNSPECIFIED"
BRIDGE = "PERIMETER_TYPE_BRIDGE"
ANY = "*"


class Shape(
    msgspec.Struct, frozen=True, rename="camel", omit_defaults=True, forbid_unknown_fields=True
):
    """A message as Google's JSON has it: members in lower camel case, defaults left out."""


class Expr(Shape, frozen=True):
    """An expression in CEL, with words for people."""

    expression: str = ""
    title: str = ""
    description: str = ""
    location: str = ""


class CustomLevel(Shape, frozen=True):
    """A level that is an expression."""

    expr: Expr


class Condition(Shape, frozen=True):
    """What a request must be like in every field that is given; `negate` turns the whole round."""

    ip_subnetworks: tuple[str, ...] = ()
    device_policy: dict[str, object] | None = None
    required_access_levels: tuple[str, ...] = ()
    negate: bool = False
    members: tuple[str, ...] = ()
    regions: tuple[str, ...] = ()
    vpc_network_sources: tuple[dict[str, object], ...] = ()


class BasicLevel(Shape, frozen=True):
    """A level that is a list of conditions."""

    conditions: tuple[Condition, ...] = ()
    combining_function: Literal["AND", "OR"] = "AND"


class AccessLevel(Shape, frozen=True):
    """A label for requests; exactly one of `basic` and `custom` says for which."""

    name: str = ""
    title: str = ""
    description: str = ""
    basic: BasicLevel | None = None
    custom: CustomLevel | None = None


class MethodSelector(Shape, frozen=True):
    """A method or a permission of a service."""

    method: str = ""
    permission: str = ""


class ApiOperation(Shape, frozen=True):
    """A service, and what may be done there."""

    service_name: str = ""
    method_selectors: tuple[MethodSelector, ...] = ()


class Source(Shape, frozen=True):
    """Where a call comes from: under an access level, or from a resource."""

    access_level: str = ""
    resource: str = ""


class IngressFrom(Shape, frozen=True):
    """Who comes in, and from where."""

    sources: tuple[Source, ...] = ()
    identities: tuple[str, ...] = ()
    identity_type: IdentityType = UNSPECIFIED_IDENTITY


class IngressTo(Shape, frozen=True):
    """What may be done inside, on which resources."""

    operations: tuple[ApiOperation, ...] = ()
    resources: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


class IngressPolicy(Shape, frozen=True):
    """A rule that lets callers in."""

    ingress_from: IngressFrom = IngressFrom()
    ingress_to: IngressTo = IngressTo()
    title: str = ""


class EgressFrom(Shape, frozen=True):
    """Who reaches out, and under which access level."""

    identities: tuple[str, ...] = ()
    identity_type: IdentityType = UNSPECIFIED_IDENTITY
    sources: tuple[Source, ...] = ()
    source_restriction: Literal[
        "SOURCE_RESTRICTION_UNSPECIFIED",
        "SOURCE_RESTRICTION_ENABLED",
        "SOURCE_RESTRICTION_DISABLED",
    ] = "SOURCE_RESTRICTION_UNSPECIFIED"


class EgressTo(Shape, frozen=True):
    """What may be done outside, on which resources."""

    resources: tuple[str, ...] = ()
    operations: tuple[ApiOperation, ...] = ()
    external_resources: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()


class EgressPolicy(Shape, frozen=True):
    """A rule that lets calls reach out."""

    egress_from: EgressFrom = EgressFrom()
    egress_to: EgressTo = EgressTo()
    title: str = ""


class VpcAccessibleServices(Shape, frozen=True):
    """Which APIs calls that begin inside may reach."""

    enable_restriction: bool = False
    allowed_services: tuple[str, ...] = ()


class PerimeterConfig(Shape, frozen=True):
    """What is inside, what is restricted there, and who may cross."""

    resources: tuple[str, ...] = ()
    access_levels: tuple[str, ...] = ()
    restricted_services: tuple[str, ...] = ()
    vpc_accessible_services: VpcAccessibleServices | None = None
    ingress_policies: tuple[IngressPolicy, ...] = ()
    egress_policies: tuple[EgressPolicy, ...] = ()


class ServicePerimeter(Shape, frozen=True):
    """A perimeter: `status` is enforced; `spec`, where it is explicit, is tried beside it."""

    name: str = ""
    title: str = ""
    description: str = ""
    perimeter_type: Literal["PERIMETER_TYPE_REGULAR", "PERIMETER_TYPE_BRIDGE"] = (
        "PERIMETER_TYPE_REGULAR"
    )
    status: PerimeterConfig | None = None
    spec: PerimeterConfig | None = None
    use_explicit_dry_run_spec: bool = False
    etag: str = ""

    @property
    def proposed(self) -> PerimeterConfig | None:
        """Return what a dry run judges by: the explicit proposal, or what is enforced."""
        return self.spec if self.use_explicit_dry_run_spec else self.status


class AuthorizedOrgsDesc(Shape, frozen=True):
    """Other organizations whose statements about devices or credentials are trusted."""

    name: str = ""
    authorization_type: Literal["AUTHORIZATION_TYPE_UNSPECIFIED", "AUTHORIZATION_TYPE_TRUST"] = (
        "AUTHORIZATION_TYPE_UNSPECIFIED"
    )
    asset_type: Literal[
        "ASSET_TYPE_UNSPECIFIED", "ASSET_TYPE_DEVICE", "ASSET_TYPE_CREDENTIAL_STRENGTH"
    ] = "ASSET_TYPE_UNSPECIFIED"
    authorization_direction: Literal[
        "AUTHORIZATION_DIRECTION_UNSPECIFIED",
        "AUTHORIZATION_DIRECTION_TO",
        "AUTHORIZATION_DIRECTION_FROM",
    ] = "AUTHORIZATION_DIRECTION_UNSPECIFIED"
    orgs: tuple[str, ...] = ()


class AccessPolicy(msgspec.Struct, frozen=True, kw_only=True, weakref=True):
    """An access policy: of a whole organization, or of the one folder or project in `scopes`.

    What it holds is by the last part of its name.
    """

    number: str
    parent: str
    title: str
    scopes: tuple[str, ...] = ()
    etag: str = ""
    created: Micros
    policy: Policy = Policy()
    levels: dict[str, AccessLevel] = {}
    perimeters: dict[str, ServicePerimeter] = {}
    authorized: dict[str, AuthorizedOrgsDesc] = {}

    @property
    def name(self) -> str:
        """Return `accessPolicies/N`."""
        return f"accessPolicies/{self.number}"


ACCESS_POLICIES: Kind[AccessPolicy] = Kind(b"6", AccessPolicy, hot=256)
"""By number."""


class BoundPrincipal(Shape, frozen=True):
    """Whom a binding is about: a service account, or all those of a project by its number."""

    service_account: str = ""
    service_account_project_number: str = ""
    federated_principal: str = ""


class AccessBinding(Shape, frozen=True):
    """A caller who must have an access level, whatever is called."""

    name: str = ""
    principal: BoundPrincipal | None = None
    access_levels: tuple[str, ...] = ()
    dry_run_access_levels: tuple[str, ...] = ()
    group_key: str = ""
    scoped_access_settings: tuple[dict[str, object], ...] = ()
    session_settings: dict[str, object] | None = None


ACCESS_BINDINGS: Kind[AccessBinding] = Kind(b"8", AccessBinding, hot=1024)
"""By organization's number and id."""

BINDINGS_MAX = 10_000
"""How many bindings an organization may have."""
