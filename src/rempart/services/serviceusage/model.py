"""Names, states and rules of Service Usage: pure, no I/O.

Source: google.api.serviceusage.v1; Google's documentation "Enable and disable services".
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from rempart.core import pages
from rempart.core.apis import api_of, service_name, title
from rempart.core.clock import Micros
from rempart.core.document import integer
from rempart.core.errors import CloudError, Code, ErrorInfo, invalid, not_found
from rempart.core.names import ProjectId
from rempart.core.pages import Page
from rempart.services import operations
from rempart.trust.policy.apis import ALWAYS_ON

BATCH_ENABLE_MAX = 20
BATCH_GET_MAX = 30
PAGE_SIZE_DEFAULT = 50
PAGE_SIZE_MAX = 200
USAGE_SECONDS = 30 * 86_400
"""A service that was used in this time is not turned off by a caller who asks for the check."""

DEPENDS_ON = {"kmsinventory": "cloudkms"}
"""Which API is of no use without which other."""

AGENTS = {"storage": "gs-project-accounts", "cloudkms": "gcp-sa-ekms"}
"""The APIs that act in a name of their own, and the mail domain's first part."""

ENABLED, DISABLED = "ENABLED", "DISABLED"
_ID = re.compile(r"operations/(acat\.p2-([0-9]{1,20})-[0-9a-f-]{36})")
_FILTER = re.compile(r"state\s*[:=]\s*(ENABLED|DISABLED)")
_TYPE = "type.googleapis.com/google.api.serviceusage.v1."
Json = dict[str, object]


class Operation(operations.Operation, frozen=True, kw_only=True):
    """What was done in a project."""

    project: ProjectId


def operation_id(number: str, now: Micros, salt: bytes) -> str:
    """Return the id of a new operation of a project; ids sort by time (UUID version 7)."""
    text = f"{now // 1000 & 0xFFFFFFFFFFFF:012x}7{salt.hex()[:3]}8{salt.hex()[3:18]}"
    uuid = "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
    return f"acat.p2-{number}-{uuid}"


def operation_name(text: str) -> tuple[str, str]:
    """Return the project's number and the operation's id; raises `not_found`."""
    found = _ID.fullmatch(text)
    if found is None:
        raise not_found(f"Operation {text[:200]} not found.")
    return found[2], found[1]


def operation_json(id_: str, operation: Operation) -> Json:
    """Return an operation, done."""
    return operations.operation_json(f"operations/{id_}", operation)


def metadata(names: Iterable[str]) -> Json:
    """Return an operation's metadata: the names of the services that it is about."""
    return {"@type": f"{_TYPE}OperationMetadata", "resourceNames": list(names)}


def response(message: str, content: Json) -> Json:
    """Return an operation's response."""
    return {"@type": f"{_TYPE}{message}", **content}


NOTHING_TO_DO: Json = {"name": "operations/noop.DONE_OPERATION", "done": True}
"""The operation of a request that changes nothing; it is not remembered."""


def service_json(number: str, api: str, off: frozenset[str]) -> Json:
    """Return a service as a project sees it."""
    parent, name = f"projects/{number}", service_name(api)
    return {
        "name": f"{parent}/services/{name}",
        "parent": parent,
        "config": {"name": name, "title": title(api)},
        "state": DISABLED if api in off else ENABLED,
    }


def offered(service: str, apis: frozenset[str]) -> str:
    """Return the API of a service's name; one that this universe lacks is refused as Google does.

    Google does not tell a service that is not there from one that the caller may not see.
    """
    api = api_of(service)
    if api in apis:
        return api
    raise CloudError(
        Code.PERMISSION_DENIED,
        f"Not found or permission denied for service(s): {service[:200]}.",
        reason="forbidden",
        info=ErrorInfo(
            "SERVICE_CONFIG_NOT_FOUND_OR_PERMISSION_DENIED",
            "serviceusage.googleapis.com",
            (("services", service[:200]),),
        ),
    )


def enabled(off: frozenset[str], apis: Iterable[str]) -> frozenset[str]:
    """Return what stays off when APIs are turned on, together with those that they need."""
    wanted = set(apis)
    return off - wanted - {DEPENDS_ON[api] for api in wanted if api in DEPENDS_ON}


def disabled(
    off: frozenset[str], api: str, apis: frozenset[str], *, dependents: bool
) -> frozenset[str]:
    """Return what is off when an API is turned off: it, and with `dependents` those that need it.

    Raises FAILED_PRECONDITION for an API that is always on, and for one that others need.
    """
    if api in ALWAYS_ON:
        text = (
            f"{service_name(api)} cannot be disabled: without it nobody could enable anything "
            "again, or ask who may do what."
        )
        raise CloudError(Code.FAILED_PRECONDITION, text, reason="SERVICE_ALWAYS_ON")
    needing = {one for one, needed in DEPENDS_ON.items() if needed == api and one in apis - off}
    if needing and not dependents:
        named = ",".join(sorted(map(service_name, needing)))
        text = (
            f"The service {service_name(api)} is depended on by the following active service(s): "
            f"{named}; Please specify disable_dependent_services=true if you want to proceed with "
            "disabling all services."
        )
        raise CloudError(Code.FAILED_PRECONDITION, text, reason="DEPENDENT_SERVICES")
    return off | needing | {api}


def in_use(api: str) -> CloudError:
    """Return the refusal to turn off what was used, for a caller who asked for the check."""
    text = (
        f"The service {service_name(api)} was used in this project within the last 30 days. "
        "Disable it without the check (checkIfServiceHasUsage) if you want to proceed."
    )
    return CloudError(Code.FAILED_PRECONDITION, text, reason="SERVICE_IN_USE")


def state_wanted(text: str) -> str:
    """Return the state that a filter asks for, empty for any."""
    if not text.strip():
        return ""
    found = _FILTER.fullmatch(text.strip())
    if found is None:
        raise invalid("The filter is state:ENABLED or state:DISABLED.", field="filter")
    return found[1]


def page(query: Mapping[str, str]) -> Page:
    """Return the page that is asked for; more than there may be is refused, as Google does."""
    if not 0 <= (integer(query, "pageSize") or 0) <= PAGE_SIZE_MAX:
        raise invalid(f"pageSize is 1 to {PAGE_SIZE_MAX}.", field="pageSize")
    return pages.page(query, default=PAGE_SIZE_DEFAULT)
