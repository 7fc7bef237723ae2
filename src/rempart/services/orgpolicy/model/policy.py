"""What a policy may say of its constraint, from JSON and to JSON.

Source: Policy and PolicySpec of google.cloud.orgpolicy.v2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rempart.core.clock import Micros, rfc3339
from rempart.core.document import Document, boolean, items, only, section, strings, text
from rempart.core.errors import invalid
from rempart.core.policy import Condition
from rempart.trust.policy.organization import tags
from rempart.trust.policy.organization.constraint import Constraint, Shape
from rempart.trust.policy.organization.documents import OrgPolicy, Rule, Spec
from rempart.trust.policy.organization.effective import Effective
from rempart.trust.policy.organization.values import IN, IS, UNDER

RULES_MAX = 10
VALUES_MAX = 500
VALUE_CHARS_MAX = 1024
EXPRESSION_CHARS_MAX = 4096
Json = dict[str, object]
_KINDS = ("values", "allowAll", "denyAll", "enforce")


class Admitted:
    """What a specification is for, and the regions that it may name."""

    __slots__ = ("constraint", "regions")

    def __init__(self, constraint: Constraint, regions: Sequence[str]) -> None:
        self.constraint = constraint
        self.regions = regions


def spec(document: Document, field: str, admitted: Admitted) -> Spec | None:
    """Return the specification in a member of a policy, None where it is not there."""
    if document.get(field) is None:
        return None
    given = section(document, field)
    only(given, "etag", "updateTime", "rules", "inheritFromParent", "reset")
    inherits, reset = boolean(given, "inheritFromParent"), boolean(given, "reset")
    rules = tuple(_rule(one, f"{field}.rules", admitted) for one in items(given, "rules"))
    if len(rules) > RULES_MAX:
        raise invalid(f"A policy has at most {RULES_MAX} rules.", field=f"{field}.rules")
    if reset and (rules or inherits):
        message = "A policy that is reset has no rules and does not inherit."
        raise invalid(message, field=f"{field}.reset")
    if not (rules or reset or inherits):
        raise invalid("A policy needs rules, inheritance or reset.", field=f"{field}.rules")
    if admitted.constraint.shape is Shape.BOOLEAN:
        _check_boolean(rules, field, inherits=inherits)
    return Spec(rules, inherits, reset)


def _check_boolean(rules: Sequence[Rule], field: str, *, inherits: bool) -> None:
    if inherits:
        message = "inheritFromParent is for list constraints: a boolean one is inherited or set."
        raise invalid(message, field=f"{field}.inheritFromParent")
    plain = [rule for rule in rules if rule.condition is None]
    if not rules:
        return
    if len(plain) != 1:
        message = "A policy for a boolean constraint has one rule without a condition."
        raise invalid(message, field=f"{field}.rules")
    if any(rule.enforce is plain[0].enforce for rule in rules if rule.condition is not None):
        message = "A rule with a condition must enforce the opposite of the one without."
        raise invalid(message, field=f"{field}.rules.enforce")


def _rule(document: Document, field: str, admitted: Admitted) -> Rule:
    only(document, *_KINDS, "condition", "parameters")
    given = [name for name in _KINDS if document.get(name) is not None]
    if len(given) != 1:
        message = f"A rule has one of {', '.join(_KINDS)}."
        raise invalid(message, field=field)
    wanted = (
        {"enforce"} if admitted.constraint.shape is Shape.BOOLEAN else set(_KINDS) - {"enforce"}
    )
    if given[0] not in wanted:
        message = f"'{given[0]}' is not for {admitted.constraint.full}, whose rules have " + (
            " or ".join(sorted(wanted)) + "."
        )
        raise invalid(message, field=f"{field}.{given[0]}")
    condition = _condition(document)
    if given[0] == "enforce":
        enforce = boolean(document, "enforce")
        parameters = _parameters(document, f"{field}.parameters", admitted, enforce=enforce)
        return Rule(enforce=enforce, condition=condition, parameters=parameters)
    if document.get("parameters"):
        raise invalid("parameters are for managed constraints.", field=f"{field}.parameters")
    if given[0] != "values":
        return _of_all(document, given[0], field, condition)
    values = section(document, "values")
    only(values, "allowedValues", "deniedValues")
    allowed = _values(values, "allowedValues", f"{field}.values", admitted)
    denied = _values(values, "deniedValues", f"{field}.values", admitted)
    if not allowed and not denied:
        raise invalid("A rule of values lists at least one.", field=f"{field}.values")
    return Rule(allowed, denied, condition=condition)


def _of_all(document: Document, kind: str, field: str, condition: Condition | None) -> Rule:
    if not boolean(document, kind):
        raise invalid(f"{kind} can only be true.", field=f"{field}.{kind}")
    return Rule(allow_all=kind == "allowAll", deny_all=kind == "denyAll", condition=condition)


def _values(values: Document, side: str, field: str, admitted: Admitted) -> tuple[str, ...]:
    given = strings(values, side)
    if len(given) > VALUES_MAX:
        raise invalid(f"A rule has at most {VALUES_MAX} values.", field=f"{field}.{side}")
    constraint = admitted.constraint
    if given and constraint.only and not side.startswith(constraint.only):
        message = f"A policy for {constraint.full} lists {constraint.only}Values only."
        raise invalid(message, field=f"{field}.{side}")
    for entry in given:
        if len(entry) > VALUE_CHARS_MAX or not _is_entry(entry, admitted):
            message = f"The value {entry[:200]!r} is not one of {constraint.full}: " + _forms(
                admitted
            )
            raise invalid(message, field=f"{field}.{side}")
    return tuple(given)


def _is_entry(entry: str, admitted: Admitted) -> bool:
    constraint, regions = admitted.constraint, admitted.regions
    if entry.startswith(UNDER):
        return constraint.under and constraint.entry(entry.removeprefix(UNDER), regions)
    if entry.startswith(IN):
        return constraint.grouped(entry.removeprefix(IN), regions)
    return bool(entry) and constraint.entry(entry.removeprefix(IS), regions)


def _forms(admitted: Admitted) -> str:
    """Say what values the constraint takes, for who gave another."""
    constraint = admitted.constraint
    forms = ["a value of its own"]
    if constraint.group is not None:
        forms.append("in:GROUP with a group of this universe")
    if constraint.under:
        forms.append("under: a project, folder or organization")
    return f"it takes {' or '.join(forms)}. {constraint.description}"


def _condition(document: Document) -> Condition | None:
    if document.get("condition") is None:
        return None
    given = section(document, "condition")
    only(given, "expression", "title", "description", "location")
    tags.check(text(given, "expression"))
    return Condition(
        text(given, "expression"),
        text(given, "title"),
        text(given, "description"),
        text(given, "location"),
    )


def _parameters(
    document: Document, field: str, admitted: Admitted, *, enforce: bool
) -> Mapping[str, object]:
    given = section(document, "parameters")
    if given and not enforce:
        raise invalid("parameters go with a rule that enforces.", field=field)
    for name in given:
        if name not in admitted.constraint.parameters:
            raise invalid(f"{admitted.constraint.full} has no parameter {name!r}.", field=field)
        if len(strings(given, name)) > VALUES_MAX:
            raise invalid(f"A parameter has at most {VALUES_MAX} values.", field=f"{field}.{name}")
    if enforce and admitted.constraint.parameters and not given:
        wanted = ", ".join(admitted.constraint.parameters)
        raise invalid(f"{admitted.constraint.full} needs parameters: {wanted}.", field=field)
    return {name: tuple(strings(given, name)) for name in given}


def policy_json(name: str, policy: OrgPolicy) -> Json:
    """Return a Policy."""
    shown: Json = {"name": name}
    if policy.spec is not None:
        shown["spec"] = _spec_json(policy.spec)
    if policy.dry_run is not None:
        shown["dryRunSpec"] = _spec_json(policy.dry_run)
    return shown | {"etag": policy.etag}


def _spec_json(spec: Spec) -> Json:
    shown: Json = {"etag": spec.etag, "updateTime": rfc3339(Micros(spec.updated))}
    if spec.rules:
        shown["rules"] = [_rule_json(rule) for rule in spec.rules]
    if spec.inherits:
        shown["inheritFromParent"] = True
    if spec.reset:
        shown["reset"] = True
    return shown


def _rule_json(rule: Rule) -> Json:
    shown: Json = {}
    if rule.enforce is not None:
        shown["enforce"] = rule.enforce
    if rule.allow_all:
        shown["allowAll"] = True
    if rule.deny_all:
        shown["denyAll"] = True
    if values := _values_json(rule.allowed, rule.denied):
        shown["values"] = values
    if rule.parameters:
        shown["parameters"] = {name: list(_listed(some)) for name, some in rule.parameters.items()}
    if rule.condition is not None:
        parts = ("expression", "title", "description", "location")
        given = {part: getattr(rule.condition, part) for part in parts}
        shown["condition"] = {part: value for part, value in given.items() if value}
    return shown


def _listed(some: object) -> Sequence[object]:
    return some if isinstance(some, list | tuple) else ()


def _values_json(allowed: Sequence[str], denied: Sequence[str]) -> Json:
    shown: Json = {"allowedValues": list(allowed)} if allowed else {}
    return shown | ({"deniedValues": list(denied)} if denied else {})


def effective_json(name: str, constraint: Constraint, effective: Effective) -> Json:
    """Return an effective policy: no etag, no conditions, inheritance resolved."""
    if constraint.shape is Shape.BOOLEAN:
        rule = Rule(enforce=effective.enforced, parameters=effective.parameters)
        return {"name": name, "spec": {"rules": [_rule_json(rule)]}}
    if effective.deny_all:
        rules: list[Json] = [{"denyAll": True}]
    else:
        values = _values_json(() if effective.allow_all else effective.allowed, effective.denied)
        rules = [{"allowAll": True}] if effective.allow_all else []
        rules += [{"values": values}] if values else []
    return {"name": name, "spec": {"rules": rules}}


def constraint_json(container: str, constraint: Constraint) -> Json:
    """Return a Constraint as it is available on a container."""
    shown: Json = {
        "name": f"{container}/constraints/{constraint.name}",
        "displayName": constraint.title,
        "description": constraint.description,
        "constraintDefault": "DENY" if constraint.denies else "ALLOW",
        "supportsDryRun": True,
    }
    if constraint.shape is Shape.BOOLEAN:
        shown["booleanConstraint"] = _definition(constraint) if constraint.managed else {}
    else:
        groups: Json = {"supportsIn": True} if constraint.group is not None else {}
        under: Json = {"supportsUnder": True} if constraint.under else {}
        shown["listConstraint"] = groups | under
    if constraint.equivalent:
        shown["equivalentConstraint"] = constraint.equivalent
    return shown


def _definition(constraint: Constraint) -> Json:
    definition: Json = {
        "resourceTypes": sorted(constraint.types),
        "methodTypes": list(constraint.methods),
        "actionType": "DENY",
    }
    if constraint.parameters:
        listed = {"type": "LIST", "item": "STRING"}
        definition["parameters"] = dict.fromkeys(constraint.parameters, listed)
    return {"customConstraintDefinition": definition}
