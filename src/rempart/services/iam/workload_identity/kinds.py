"""What a provider believes: an OpenID issuer, SAML metadata, authorities of certificates, or AWS.

A provider has one of the four, and an update does not change which.
Source: Oidc, Saml, X509 and Aws of WorkloadIdentityPoolProvider, IAM v1.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from msgspec.structs import replace

from rempart.core.certification_path import Unusable, authority
from rempart.core.clock import Micros
from rempart.core.document import items, only, section, strings, text
from rempart.core.errors import CloudError, invalid, required, unsupported
from rempart.core.jwks import BadKeySet, parse
from rempart.outbound import Unfetched, check_url
from rempart.trust.identity.federation.aws import is_account
from rempart.trust.identity.federation.mapping import SUBJECT
from rempart.trust.identity.federation.pools import OIDC, Provider, TrustStore
from rempart.trust.identity.federation.saml.facts import Metadata
from rempart.trust.identity.federation.saml.provider import saml

ISSUER_CHARS_MAX = 2000
AUDIENCES_MAX = 10
AUDIENCE_CHARS_MAX = 256
ANCHORS_MAX = 10
INTERMEDIATES_MAX = 10
PEM_CHARS_MAX = 16 * 1024

KINDS = ("oidc", "saml", "x509", "aws")
_OIDC_FIELDS = ("issuerUri", "allowedAudiences", "jwksJson")
_STORE, _ROLE = "trustStore", "assumed-role"
_DEFAULTS = {
    "oidc": {},
    "saml": {},
    "x509": {SUBJECT: "assertion.subject.dn.cn"},
    "aws": {
        SUBJECT: "assertion.arn",
        "attribute.aws_role": f"assertion.arn.contains('{_ROLE}')"
        f" ? assertion.arn.extract('{{account_arn}}{_ROLE}/')"
        f" + '{_ROLE}/' + assertion.arn.extract('{_ROLE}/{{role_name}}/')"
        " : assertion.arn",
    },
}
"""The mappings that Google gives a provider without one."""

Json = dict[str, object]


def proven_by(
    base: Provider,
    document: Mapping[str, object],
    fields: frozenset[str],
    metadata: Metadata | None,
    now: Micros,
) -> Provider:
    """Return a provider with what it believes taken from a request; raises unless it can serve.

    `metadata` is what was read of SAML metadata, if the request has any.
    """
    given = [kind for kind in KINDS if document.get(kind) is not None]
    if len(given) > 1:
        raise invalid(f"A provider has one kind: {', '.join(KINDS)}.", field=given[1])
    kind = _kind(base) or (given[0] if given else "oidc")
    if given and given[0] != kind:
        raise invalid(f"The provider is of the kind {kind}, which stays.", field=given[0])
    said, whole = section(document, kind), kind in fields
    match kind:
        case "saml":
            named = not fields.isdisjoint(("saml", "saml.idpMetadataXml"))
            read = saml(document, base.saml, metadata, now, people=False) if named else base.saml
            return replace(base, saml=read)
        case "x509":
            return replace(base, x509=_trust_store(said, fields, base.x509))
        case "aws":
            named = whole or "aws.accountId" in fields
            return replace(base, aws=_account(said)) if named else base
        case _:
            return replace(base, oidc=_oidc(said, fields, base.oidc))


def default_mapping(provider: Provider) -> dict[str, str]:
    """Return the mapping of a provider that is given none; an OpenID issuer has to have one."""
    return dict(_DEFAULTS[_kind(provider)])


def shown(provider: Provider) -> Json:
    """Return what a provider believes, as Google shows it."""
    match _kind(provider):
        case "saml":
            return {"saml": {"idpMetadataXml": provider.saml.metadata}} if provider.saml else {}
        case "x509":
            return {"x509": {"trustStore": _store_json(provider.x509 or TrustStore(()))}}
        case "aws":
            return {"aws": {"accountId": provider.aws}}
        case _:
            return {"oidc": _oidc_json(provider.oidc)} if provider.oidc else {}


def _kind(provider: Provider) -> str:
    """Return the kind of a provider; empty for one that is being made."""
    if provider.saml is not None:
        return "saml"
    if provider.x509 is not None:
        return "x509"
    if provider.aws:
        return "aws"
    return "oidc" if provider.oidc is not None else ""


def _store_json(store: TrustStore) -> Json:
    made: Json = {"trustAnchors": [{"pemCertificate": pem} for pem in store.anchors]}
    between = [{"pemCertificate": pem} for pem in store.intermediates]
    return made | ({"intermediateCas": between} if between else {})


def _oidc_json(found: OIDC) -> Json:
    made: Json = {"issuerUri": found.issuer}
    made |= {"allowedAudiences": list(found.audiences)} if found.audiences else {}
    return made | ({"jwksJson": found.jwks} if found.jwks else {})


def _trust_store(
    given: Mapping[str, object], fields: frozenset[str], base: TrustStore | None
) -> TrustStore:
    only(given, _STORE)
    old, whole = base or TrustStore(()), not fields.isdisjoint(("x509", f"x509.{_STORE}"))

    def taken(name: str) -> bool:
        return whole or f"x509.{_STORE}.{name}" in fields

    store = section(given, _STORE)
    only(store, "trustAnchors", "intermediateCas", "trustDefaultSharedCa")
    if store.get("trustDefaultSharedCa"):
        field = "x509.trustStore.trustDefaultSharedCa"
        raise unsupported("trustDefaultSharedCa of a provider", field=field)
    anchors, between = old.anchors, old.intermediates
    if taken("trustAnchors"):
        anchors = _authorities(store, "trustAnchors", ANCHORS_MAX, of_a_name=2)
    if taken("intermediateCas"):
        between = _authorities(store, "intermediateCas", INTERMEDIATES_MAX, of_a_name=1)
    if not anchors:
        field = "x509.trustStore.trustAnchors"
        raise required("x509.trustStore.trustAnchors is required.", field=field)
    return TrustStore(anchors, between)


def _authorities(
    store: Mapping[str, object], name: str, most: int, *, of_a_name: int
) -> tuple[str, ...]:
    """Return certificates of authorities; few of one name, so that few paths are to be tried."""
    field = f"x509.trustStore.{name}"
    given = items(store, name)
    if len(given) > most:
        raise invalid(f"There are at most {most} {name}.", field=field)
    made, names = [], Counter[bytes]()
    for one in given:
        only(one, "pemCertificate")
        pem = text(one, "pemCertificate")
        if len(pem) > PEM_CHARS_MAX:
            raise invalid(f"A certificate has at most {PEM_CHARS_MAX} characters.", field=field)
        try:
            names[authority(pem).subject.public_bytes()] += 1
        except Unusable as problem:
            raise invalid(f"A certificate of {name} {problem}.", field=field) from problem
        made.append(pem)
    if max(names.values(), default=0) > of_a_name:
        raise invalid(f"At most {of_a_name} {name} have the same name.", field=field)
    return tuple(made)


def _account(given: Mapping[str, object]) -> str:
    only(given, "accountId")
    number = text(given, "accountId")
    if not is_account(number):
        raise invalid("aws.accountId is a number of 12 digits.", field="aws.accountId")
    return number


def _oidc(given: Mapping[str, object], fields: frozenset[str], base: OIDC | None) -> OIDC:
    only(given, *_OIDC_FIELDS)
    old = base or OIDC("")
    whole = "oidc" in fields
    made = replace(
        old,
        issuer=text(given, "issuerUri") if whole or "oidc.issuerUri" in fields else old.issuer,
        audiences=tuple(strings(given, "allowedAudiences"))
        if whole or "oidc.allowedAudiences" in fields
        else old.audiences,
        jwks=text(given, "jwksJson") if whole or "oidc.jwksJson" in fields else old.jwks,
    )
    _check_oidc(made)
    return made


def _check_oidc(oidc: OIDC) -> None:
    if not oidc.issuer:
        raise required("oidc.issuerUri is required.", field="oidc.issuerUri")
    try:
        check_url(oidc.issuer, loopback=False)
    except Unfetched as problem:
        raise _bad_issuer("is an https address") from problem
    if len(oidc.issuer) > ISSUER_CHARS_MAX or set("?# \\") & set(oidc.issuer):
        raise _bad_issuer("has no query, no fragment and no blank")
    if len(oidc.audiences) > AUDIENCES_MAX or not all(
        0 < len(one) <= AUDIENCE_CHARS_MAX for one in oidc.audiences
    ):
        raise invalid(
            f"There are at most {AUDIENCES_MAX} audiences of {AUDIENCE_CHARS_MAX} characters.",
            field="oidc.allowedAudiences",
        )
    try:
        if oidc.jwks:
            parse(oidc.jwks)
    except BadKeySet as problem:
        raise invalid(f"jwksJson cannot be used: {problem}.", field="oidc.jwksJson") from problem


def _bad_issuer(rule: str) -> CloudError:
    return invalid(f"issuerUri {rule}.", field="oidc.issuerUri")
