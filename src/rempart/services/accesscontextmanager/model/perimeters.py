"""What a service perimeter may say.

Source: ServicePerimeter of google.identity.accesscontextmanager.v1; Google's page on ingress and
egress rules. Names of services are checked in form alone: whatever answers here can be restricted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rempart.core.errors import invalid, unimplemented, unsupported
from rempart.services.accesscontextmanager.model import limits
from rempart.services.accesscontextmanager.model.levels import check_exists, check_texts, too_many
from rempart.trust.policy.perimeters.crossing import RESTRICTED
from rempart.trust.policy.perimeters.documents import (
    ANY,
    BRIDGE,
    UNSPECIFIED_IDENTITY,
    AccessPolicy,
    ApiOperation,
    EgressFrom,
    EgressPolicy,
    IngressFrom,
    IngressPolicy,
    PerimeterConfig,
    ServicePerimeter,
    Source,
)
from rempart.trust.policy.roles import ROLES

_INSIDE = re.compile(r"(?:projects|folders)/[1-9][0-9]{0,19}")
_PLACE = re.compile(r"(?:projects|folders|organizations)/[1-9][0-9]{0,19}")
_NETWORK = "//compute.googleapis.com/"
_SERVICE = re.compile(r"[a-z][a-z0-9-]{0,62}\.googleapis\.com")
_IDENTITY = re.compile(
    r"(?:user|serviceAccount):[^\s@:]+@[^\s@:]+|principal(?:Set)?://[a-z.]+/[\x21-\x7e]{1,1024}"
)


def check_perimeter(policy: AccessPolicy, id_: str, perimeter: ServicePerimeter) -> None:
    """Raise `invalid` unless a policy could hold this perimeter under this id.

    Whether the projects and folders exist, and lie within the policy's scope, is the store's.
    """
    check_texts(perimeter.title, perimeter.description)
    others = {name: one for name, one in policy.perimeters.items() if name != id_}
    if any(one.title == perimeter.title for one in others.values() if perimeter.title):
        raise invalid(f"Another perimeter has the title {perimeter.title!r}.", field="title")
    if len(others) >= limits.PERIMETERS_MAX:
        raise too_many(f"A policy has at most {limits.PERIMETERS_MAX} perimeters.")
    if perimeter.spec is not None and not perimeter.use_explicit_dry_run_spec:
        message = "spec may be set only where useExplicitDryRunSpec is true."
        raise invalid(message, field="spec")
    for field, config in (("status", perimeter.status), ("spec", perimeter.spec)):
        if config is not None:
            _check_config(policy, perimeter, config, field)
    check_together((*others.values(), perimeter))


def check_together(perimeters: Iterable[ServicePerimeter]) -> None:
    """Raise unless perimeters can stand in one policy: a project is in one regular one at most."""
    every = tuple(perimeters)
    _check_apart(every, "status")
    _check_apart(every, "spec")
    configs_of_all = [config for one in every for config in (one.status, one.spec) if config]
    if sum(len(config.resources) for config in configs_of_all) > limits.RESOURCES_MAX:
        raise too_many(f"The perimeters of a policy hold {limits.RESOURCES_MAX} resources at most.")
    if sum(sum(map(_attributes, _rules(config))) for config in configs_of_all) > _RULES_MAX:
        raise too_many(f"The rules of a policy have {_RULES_MAX} attributes at most.")


_RULES_MAX = limits.RULE_ATTRIBUTES_MAX


def _check_apart(perimeters: tuple[ServicePerimeter, ...], field: str) -> None:
    seen: dict[str, str] = {}
    regular = [one for one in perimeters if one.perimeter_type != BRIDGE]
    for owner, resource in ((one.name, name) for one in regular for name in _inside(one, field)):
        if seen.setdefault(resource, owner) != owner:
            message = f"{resource} is already in {seen[resource]}: one regular perimeter at most."
            raise invalid(message, field=f"{field}.resources")
    for one in perimeters:
        stray = sorted(set(_inside(one, field)) - seen.keys())
        if stray:
            message = f"{stray[0]} is in the bridge {one.name} and in no regular perimeter."
            raise invalid(message, field=f"{field}.resources")


def _inside(perimeter: ServicePerimeter, field: str) -> tuple[str, ...]:
    config = perimeter.status if field == "status" else perimeter.proposed
    return config.resources if config else ()


def _check_config(
    policy: AccessPolicy, perimeter: ServicePerimeter, config: PerimeterConfig, field: str
) -> None:
    for resource in config.resources:
        if resource.startswith(_NETWORK):
            raise unimplemented("ServicePerimeterConfig.resources of VPC networks")
        _form(_INSIDE, resource, f"{field}.resources", "projects/NUMBER or folders/NUMBER")
    if perimeter.perimeter_type == BRIDGE:
        if config != PerimeterConfig(resources=config.resources):
            raise invalid("A bridge has resources and nothing else.", field=field)
        return
    _check_regular(policy, config, field)


def _check_regular(policy: AccessPolicy, config: PerimeterConfig, field: str) -> None:
    for service in config.restricted_services:
        _form(_SERVICE, service, f"{field}.restrictedServices", "a service: storage.googleapis.com")
    for level in config.access_levels:
        check_exists(policy, level, f"{field}.accessLevels")
    _check_accessible(config, field)
    titles = [rule.title for rule in _rules(config) if rule.title]
    if len(titles) != len(set(titles)):
        raise invalid("Two rules of a perimeter have the same title.", field=field)
    for index, ingress in enumerate(config.ingress_policies):
        _check_ingress(policy, ingress, f"{field}.ingressPolicies[{index}]")
    for index, egress in enumerate(config.egress_policies):
        _check_egress(policy, egress, f"{field}.egressPolicies[{index}]")


def _check_accessible(config: PerimeterConfig, field: str) -> None:
    accessible = config.vpc_accessible_services
    if accessible is None:
        return
    field = f"{field}.vpcAccessibleServices.allowedServices"
    if accessible.allowed_services and not accessible.enable_restriction:
        raise invalid("allowedServices is empty unless enableRestriction is true.", field=field)
    for service in accessible.allowed_services:
        if service != RESTRICTED:
            _form(_SERVICE, service, field, f"a service, or {RESTRICTED}")


def _check_ingress(policy: AccessPolicy, rule: IngressPolicy, where: str) -> None:
    _check_title(rule.title, where)
    by, to = rule.ingress_from, rule.ingress_to
    _check_identities(by, f"{where}.ingressFrom")
    for source in by.sources:
        _check_source(policy, source, f"{where}.ingressFrom.sources")
    _check_target(to.resources, to.operations, to.roles, f"{where}.ingressTo")


def _check_egress(policy: AccessPolicy, rule: EgressPolicy, where: str) -> None:
    _check_title(rule.title, where)
    by, to = rule.egress_from, rule.egress_to
    _check_identities(by, f"{where}.egressFrom")
    if by.sources and by.source_restriction != "SOURCE_RESTRICTION_ENABLED":
        message = "sourceRestriction must be SOURCE_RESTRICTION_ENABLED where sources are named."
        raise invalid(message, field=f"{where}.egressFrom.sourceRestriction")
    for source in by.sources:
        _check_source(policy, source, f"{where}.egressFrom.sources")
    if to.external_resources:
        raise unsupported("An external resource", field=f"{where}.egressTo.externalResources")
    _check_target(to.resources, to.operations, to.roles, f"{where}.egressTo")


def _check_title(title: str, where: str) -> None:
    if len(title) > limits.RULE_TITLE_CHARS_MAX:
        message = f"A rule's title has at most {limits.RULE_TITLE_CHARS_MAX} characters."
        raise invalid(message, field=f"{where}.title")


def _check_identities(by: IngressFrom | EgressFrom, where: str) -> None:
    if by.identities and by.identity_type != UNSPECIFIED_IDENTITY:
        raise invalid("identities and identityType exclude each other.", field=where)
    for identity in by.identities:
        if identity.startswith("group:"):
            because = "it knows no groups"
            raise unsupported("A group", field=f"{where}.identities", because=because)
        words = "user:EMAIL, serviceAccount:EMAIL, principal://… or principalSet://…"
        _form(_IDENTITY, identity, f"{where}.identities", words)


def _check_source(policy: AccessPolicy, source: Source, where: str) -> None:
    if bool(source.access_level) == bool(source.resource):
        raise invalid("A source is an accessLevel or a resource.", field=where)
    if source.resource.startswith(_NETWORK):
        raise unimplemented("Sources that are VPC networks")
    if source.resource:
        _form(_PLACE, source.resource, where, "projects/N, folders/N or organizations/N")
    elif source.access_level != ANY:
        check_exists(policy, source.access_level, where)


def _check_target(
    resources: tuple[str, ...],
    operations: tuple[ApiOperation, ...],
    roles: tuple[str, ...],
    where: str,
) -> None:
    for resource in resources:
        if resource != ANY:
            _form(_PLACE, resource, f"{where}.resources", "*, projects/N, folders/N or so")
    for role in roles:
        if role not in ROLES:
            raise invalid(f"The role {role[:80]!r} does not exist.", field=f"{where}.roles")
    for operation in operations:
        _check_operation(operation, f"{where}.operations")


def _check_operation(operation: ApiOperation, where: str) -> None:
    if operation.service_name == ANY:
        if operation.method_selectors:
            raise invalid("All services take no methodSelectors.", field=where)
        return
    _form(_SERVICE, operation.service_name, f"{where}.serviceName", "a service, or *")
    if not operation.method_selectors:
        raise invalid("methodSelectors is required.", field=f"{where}.methodSelectors")
    for one in operation.method_selectors:
        if bool(one.method) == bool(one.permission):
            message = "A selector has a method or a permission."
            raise invalid(message, field=f"{where}.methodSelectors")


def _rules(config: PerimeterConfig) -> Iterator[IngressPolicy | EgressPolicy]:
    yield from config.ingress_policies
    yield from config.egress_policies


def _attributes(rule: IngressPolicy | EgressPolicy) -> int:
    """Return how much a rule counts towards the limit of all rules."""
    by: IngressFrom | EgressFrom
    if isinstance(rule, IngressPolicy):
        by, resources, operations = (
            rule.ingress_from,
            rule.ingress_to.resources,
            rule.ingress_to.operations,
        )
    else:
        by, resources, operations = (
            rule.egress_from,
            rule.egress_to.resources,
            rule.egress_to.operations,
        )
    selectors = sum(1 + len(one.method_selectors) for one in operations)
    return len(by.identities) + len(by.sources) + len(resources) + selectors


def _form(form: re.Pattern[str], text: str, field: str, words: str) -> None:
    if not form.fullmatch(text):
        raise invalid(f"{text[:200]!r} is not {words}.", field=field)
