"""Audit configurations of policies, in the JSON shape of google.iam.v1.

What they want logged is (`auditing.py`); writes, refusals and uses of keys always are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rempart.core.document import items, strings, text
from rempart.core.errors import invalid
from rempart.core.policy import AuditConfig
from rempart.core.principal import Member
from rempart.trust.policy.members import canonical

LOG_TYPES = ("ADMIN_READ", "DATA_WRITE", "DATA_READ")


def audit_from_json(policy: Mapping[str, object]) -> tuple[AuditConfig, ...]:
    """Return the audit configurations of a policy's JSON, one for each service and log type."""
    exempted: dict[tuple[str, str], set[Member]] = {}
    for index, config in enumerate(items(policy, "auditConfigs")):
        where = f"auditConfigs[{index}]"
        service = text(config, "service")
        if not service:
            raise invalid(f"{where} has no service.", field=f"{where}.service")
        logs = items(config, "auditLogConfigs")
        if not logs:
            raise invalid(f"{where} has no auditLogConfigs.", field=f"{where}.auditLogConfigs")
        for log in logs:
            kind = text(log, "logType")
            if kind not in LOG_TYPES:
                raise invalid(
                    f"{where} has a logType that is none of {', '.join(LOG_TYPES)}.",
                    field=f"{where}.auditLogConfigs.logType",
                )
            members = {_member(one, where) for one in strings(log, "exemptedMembers")}
            exempted.setdefault((service, kind), set()).update(members)
    return tuple(
        AuditConfig(service, kind, tuple(sorted(members)))
        for (service, kind), members in exempted.items()
    )


def audit_to_json(audit: Sequence[AuditConfig]) -> list[dict[str, object]]:
    """Return audit configurations as JSON, by service."""
    services: dict[str, list[dict[str, object]]] = {}
    for one in audit:
        log: dict[str, object] = {"logType": one.log}
        if one.exempted:
            log["exemptedMembers"] = list(one.exempted)
        services.setdefault(one.service, []).append(log)
    return [{"service": service, "auditLogConfigs": logs} for service, logs in services.items()]


def audit_to_text(audit: Sequence[AuditConfig]) -> str:
    """Return audit configurations for the log: `SERVICE LOG_TYPE`, and of how many exempted."""
    return ", ".join(
        f"{one.service} {one.log}" + (f" except {len(one.exempted)}" if one.exempted else "")
        for one in audit
    )


def _member(named: str, where: str) -> Member:
    member = canonical(named)
    if member is None:
        raise invalid(
            f"Invalid member in {where}: {named[:200]!r}",
            field=f"{where}.auditLogConfigs.exemptedMembers",
        )
    return member
