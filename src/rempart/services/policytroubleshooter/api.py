"""The troubleshooter's methods: an access tuple is read, answered, and shown in a version's words.

What the caller's own address and headers decide (perimeters, organization restrictions, sovereignty
rules) is answered where the question tells them, in `conditionContext.source.ip` and
`conditionContext.request.headers`, and what its device decides in
`conditionContext.source.certificate` (PEM). Google's question has none of the three.

Source: google.cloud.policytroubleshooter.iam.v3 and google.cloud.policytroubleshooter.v1.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from cryptography import x509

from rempart.core.call import Call, Reply
from rempart.core.certification_path import Unreadable, readable
from rempart.core.document import moment, section, text
from rempart.core.errors import ErrorInfo, invalid, required, unauthenticated
from rempart.core.grant import Grant
from rempart.core.names import ResourceName
from rempart.core.policy import Resource
from rempart.services.answers.why import Answer, Asked, Whys
from rempart.services.policytroubleshooter import shown, shown_v1
from rempart.trust.session import Session

HEADERS_MAX = 20
_CERTIFICATE_FIELD = "accessTuple.conditionContext.source.certificate"
_HEADERS_FIELD = "accessTuple.conditionContext.request.headers"
_MANAGER = "cloudresourcemanager.googleapis.com"


@dataclass(frozen=True, slots=True)
class TroubleStore:
    """Answers, in one session's transaction and within what its caller may see."""

    whys: Whys
    session: Session

    async def answer(self, grant: Grant, asked: Asked) -> Answer:
        """Return the answer to a question."""
        return await self.whys.answer(asked, self.session.tx, self.session.authority.allows)


Run = Callable[[Grant, Call, TroubleStore], Awaitable[Reply]]


async def nothing(call: Call, store: TroubleStore) -> Resource:
    """Return the top of all hierarchies, on which nothing is granted.

    It raises for the anonymous caller, who may read nothing.
    """
    if store.session.authority.principal.anonymous:
        message = "Request is missing required authentication credential."
        raise unauthenticated(message, reason="required", info=ErrorInfo("CREDENTIALS_MISSING"))
    return Resource(ResourceName(_MANAGER, f"{_MANAGER}/Organization", "organizations/-"), None)


async def troubleshoot(grant: Grant, call: Call, store: TroubleStore) -> Reply:
    """Explain by allow policies, deny policies and boundaries."""
    return Reply(document=shown.answer_json(await store.answer(grant, _asked(call))))


async def troubleshoot_v1(grant: Grant, call: Call, store: TroubleStore) -> Reply:
    """Explain in the words of the older versions."""
    return Reply(document=shown_v1.answer_json(await store.answer(grant, _asked(call))))


def _asked(call: Call) -> Asked:
    access = section(call.document, "accessTuple")
    context = section(access, "conditionContext")
    source, told = section(context, "source"), section(context, "resource")
    at = ResourceName(text(told, "service"), text(told, "type"), text(told, "name"))
    return Asked(
        _required(access, "principal"),
        _required(access, "permission"),
        _required(access, "fullResourceName"),
        moment(section(context, "request"), "receiveTime") or call.time,
        at if any((at.service, at.type, at.name)) else None,
        text(source, "ip"),
        _headers(section(section(context, "request"), "headers")),
        _certificate(text(source, "certificate")),
    )


def _certificate(given: str) -> bytes:
    """Return the certificate of the device that is thought of; empty where none is told."""
    shown = given.encode()
    try:
        if given:
            readable(lambda: x509.load_pem_x509_certificate(shown))
    except (Unreadable, ValueError) as problem:
        raise invalid("It is no certificate in PEM.", field=_CERTIFICATE_FIELD) from problem
    return shown


def _headers(given: Mapping[str, object]) -> dict[str, str]:
    """Return the headers of the call that is thought of, named in lower case."""
    if len(given) > HEADERS_MAX:
        raise invalid(f"At most {HEADERS_MAX} headers can be told.", field=_HEADERS_FIELD)
    return {name.lower(): text(given, name) for name in given}


def _required(access: Mapping[str, object], name: str) -> str:
    value = text(access, name)
    if not value:
        raise required(f"accessTuple.{name} is required.", field=f"accessTuple.{name}")
    return value
