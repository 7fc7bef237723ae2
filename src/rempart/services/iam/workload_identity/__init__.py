"""Workload identity pools of IAM v1: programs outside that prove who they are by their provider.

`METHODS` is this part's table; `services/iam` puts it into the API's. Keys of providers, managed
identities and attestation rules are answered as not implemented.
"""

from __future__ import annotations

from dataclasses import replace

from rempart.services.iam.table import Methods, Run, reading, writing
from rempart.services.iam.workload_identity import operations, pools, providers
from rempart.services.iam.workload_identity.asked import project

_POOLS = "projects.locations.workloadIdentityPools"
_PROVIDERS = f"{_POOLS}.providers"


def _permission(noun: str, verb: str) -> str:
    """Return Google's name of a permission, which here has the API's whole name in it."""
    return f"googleapis.com/{noun}.{verb}"


def _pool(verb: str, permission: str, run: Run) -> Methods:
    row = reading if verb in {"get", "list", "operations.get"} else writing
    asked = _permission("workloadIdentityPools", permission)
    return (row(f"{_POOLS}.{verb}", asked, project, run),)


def _provider(verb: str, permission: str, run: Run) -> Methods:
    row = reading if verb in {"get", "list", "operations.get"} else writing
    asked = _permission("workloadIdentityPoolProviders", permission)
    method = row(f"{_PROVIDERS}.{verb}", asked, project, run)
    proposes = providers.proposes if verb in {"create", "patch"} else None
    return (replace(method, proposes=proposes),)


METHODS: Methods = (
    *_pool("create", "create", pools.create),
    *_pool("get", "get", pools.get),
    *_pool("list", "list", pools.list_),
    *_pool("patch", "update", pools.patch),
    *_pool("delete", "delete", pools.delete),
    *_pool("undelete", "undelete", pools.undelete),
    *_pool("operations.get", "get", operations.get),
    *_provider("create", "create", providers.create),
    *_provider("get", "get", providers.get),
    *_provider("list", "list", providers.list_),
    *_provider("patch", "update", providers.patch),
    *_provider("delete", "delete", providers.delete),
    *_provider("undelete", "undelete", providers.undelete),
    *_provider("operations.get", "get", operations.get),
)
