"""A provider of a workforce pool: what may be said of one, and how it is shown.

OpenID Connect or SAML (docs/adr/0027-read-saml-in-a-process-of-its-own.md); calls to a directory
for further attributes are refused by name. A client secret goes in and never comes out.

Source: WorkforcePoolProvider of google.iam.admin.v1 as Google's discovery document describes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec

from rempart.core.clock import Micros
from rempart.core.document import boolean, only, pairs, section, strings, text
from rempart.core.errors import CloudError, invalid, required, unsupported
from rempart.core.jwks import BadKeySet, parse
from rempart.outbound import Unfetched, check_url
from rempart.services.iam.workforce.model.merging import Json, merged
from rempart.services.iam.workforce.model.pool import refuse_if_deleted, state_json, titles
from rempart.trust.identity.federation.mapping import (
    WORKFORCE_KEYS,
    check_condition,
    check_mapping,
)
from rempart.trust.identity.federation.pools import OIDC, Provider
from rempart.trust.identity.federation.saml.facts import Metadata
from rempart.trust.identity.federation.saml.provider import saml
from rempart.trust.identity.workforce.names import ProviderName

PROVIDERS_PER_POOL_MAX = 200
SCOPES_MAX = 10
SCOPE_CHARS_MAX = 256
ISSUER_CHARS_MAX = 2000
CLIENT_ID_CHARS_MAX = 256
SECRET_CHARS_MAX = 1024
KEY_SET_CHARS_MAX = 64 * 1024

CODE = "CODE"
MERGED, TOKEN_ONLY = "MERGE_USER_INFO_OVER_ID_TOKEN_CLAIMS", "ONLY_ID_TOKEN_CLAIMS"

_FIELDS = (
    "displayName",
    "description",
    "disabled",
    "attributeMapping",
    "attributeCondition",
    "oidc",
    "saml",
    "detailedAuditLogging",
)
_OUTPUT = ("name", "state", "expireTime")
_ABSENT = {
    "extraAttributesOauth2Client": "Fetching attributes from a directory",
    "extendedAttributesOauth2Client": "Fetching groups from a directory",
    "scimUsage": "SCIM",
    "vendorType": "Naming the vendor of a provider",
}

Thumbprint = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read of the SAML metadata in a request, if it has any, and when."""

    metadata: Metadata | None
    now: Micros


def new_provider(name: ProviderName, document: Mapping[str, object], reading: Reading) -> Provider:
    """Return the provider that a request asks for."""
    return _read(document, Provider(str(name), reading.now), reading)


def changed(
    old: Provider, document: Mapping[str, object], mask: frozenset[str], reading: Reading
) -> Provider:
    """Return a provider with what the mask names taken from the request."""
    refuse_if_deleted(old.deleted, "WorkforcePoolProvider")
    for path in mask:
        first = path.partition(".")[0]
        if first in _ABSENT:
            raise unsupported(_ABSENT[first], field=first)
        if first not in _FIELDS:
            raise invalid(f"{path[:80]} cannot be updated.", field="updateMask")
    before = _settings(old)
    if old.oidc is not None:
        before["oidc"] = _oidc_json(old.oidc, {"plainText": old.oidc.client_secret})
    made = _read(merged(before, document, mask), old, reading)
    _check_secret(old.oidc, made.oidc, document)
    return made


def _check_secret(old: OIDC | None, new: OIDC | None, document: Mapping[str, object]) -> None:
    """Refuse to show one issuer the secret that was agreed with another."""
    if old is None or new is None or old.issuer == new.issuer or not new.client_secret:
        return
    given = section(section(section(document, "oidc"), "clientSecret"), "value")
    if text(given, "plainText") != new.client_secret:
        message = "Another issuer needs a clientSecret of its own, which the mask names too."
        raise invalid(message, field="oidc.clientSecret")


def provider_json(provider: Provider, thumbprint: Thumbprint) -> Json:
    """Return a provider as Google shows it; of its secret only a thumbprint."""
    shown: Json = {"name": provider.name, **_settings(provider)}
    if provider.oidc is not None:
        secret = provider.oidc.client_secret
        shown["oidc"] = _oidc_json(provider.oidc, {"thumbprint": thumbprint(secret)})
    return {**shown, **state_json(provider.deleted)}


def _read(document: Mapping[str, object], base: Provider, reading: Reading) -> Provider:
    for field, what in _ABSENT.items():
        if document.get(field) not in (None, "", {}, f"{field.upper()}_UNSPECIFIED"):
            raise unsupported(what, field=field)
    only(document, *_FIELDS, *_OUTPUT, *_ABSENT)
    display_name, description = titles(document)
    mapping, condition = pairs(document, "attributeMapping"), text(document, "attributeCondition")
    check_mapping(mapping, WORKFORCE_KEYS)
    check_condition(condition)
    is_saml = document.get("saml") is not None
    if is_saml and document.get("oidc") is not None:
        raise invalid("A provider has oidc or saml settings, not both.", field="saml")
    return msgspec.structs.replace(
        base,
        mapping=mapping,
        oidc=None if is_saml else _oidc(document),
        saml=saml(document, base.saml, reading.metadata, reading.now, people=True)
        if is_saml
        else None,
        display_name=display_name,
        description=description,
        condition=condition,
        disabled=boolean(document, "disabled"),
        detailed_log=boolean(document, "detailedAuditLogging"),
    )


def _oidc(document: Mapping[str, object]) -> OIDC:
    if document.get("oidc") is None:
        raise required("A provider needs its oidc or saml settings.", field="oidc")
    given = section(document, "oidc")
    only(given, "issuerUri", "clientId", "clientSecret", "jwksJson", "webSsoConfig")
    client_id = _short(given, "clientId", CLIENT_ID_CHARS_MAX)
    if not client_id:
        raise required("oidc.clientId is required.", field="oidc.clientId")
    userinfo, scopes = _web(section(given, "webSsoConfig"))
    return OIDC(
        issuer=_issuer(given),
        client_id=client_id,
        client_secret=_secret(section(given, "clientSecret")),
        jwks=_key_set(given),
        userinfo=userinfo,
        scopes=scopes,
    )


def _issuer(given: Mapping[str, object]) -> str:
    issuer, field = _short(given, "issuerUri", ISSUER_CHARS_MAX), "oidc.issuerUri"
    try:
        check_url(issuer, loopback=False)
    except Unfetched as problem:
        raise invalid(f"{field} must be an https address.", field=field) from problem
    if set(issuer) & set("?#"):
        raise invalid(f"{field} has neither a query nor a fragment.", field=field)
    return issuer


def _key_set(given: Mapping[str, object]) -> str:
    keys, field = _short(given, "jwksJson", KEY_SET_CHARS_MAX), "oidc.jwksJson"
    try:
        _ = parse(keys) if keys else {}
    except BadKeySet as problem:
        raise invalid(f"{field} cannot be used: {problem}.", field=field) from problem
    return keys


def _secret(given: Mapping[str, object]) -> str:
    only(given, "value")
    value = section(given, "value")
    only(value, "plainText", "thumbprint")
    secret = text(value, "plainText")
    if len(secret) > SECRET_CHARS_MAX:
        raise _long("oidc.clientSecret", SECRET_CHARS_MAX)
    return secret


def _web(given: Mapping[str, object]) -> tuple[bool, tuple[str, ...]]:
    """Return whether userinfo counts, and which scopes are asked for besides the usual ones."""
    only(given, "responseType", "assertionClaimsBehavior", "additionalScopes")
    where = "oidc.webSsoConfig"
    response_type = text(given, "responseType") or CODE
    if response_type != CODE:
        raise unsupported(
            f"The response type {response_type[:80]}",
            field=f"{where}.responseType",
            because="the implicit flow leaves tokens in the browser's history (RFC 9700, 2.1.2)",
        )
    behaviour = text(given, "assertionClaimsBehavior") or TOKEN_ONLY
    if behaviour not in (MERGED, TOKEN_ONLY):
        field = f"{where}.assertionClaimsBehavior"
        raise invalid(f"{field} is {MERGED} or {TOKEN_ONLY}.", field=field)
    scopes = tuple(strings(given, "additionalScopes"))
    if len(scopes) > SCOPES_MAX or any(not _is_scope(scope) for scope in scopes):
        raise invalid(
            f"additionalScopes are at most {SCOPES_MAX}, of {SCOPE_CHARS_MAX} characters each.",
            field=f"{where}.additionalScopes",
        )
    return behaviour == MERGED, scopes


def _is_scope(scope: str) -> bool:
    """Tell whether a text is one scope (RFC 6749, section 3.3)."""
    plain = scope.isascii() and scope.isprintable() and not set(scope) & set(' "\\')
    return plain and 0 < len(scope) <= SCOPE_CHARS_MAX


def _short(document: Mapping[str, object], field: str, most: int) -> str:
    value = text(document, field)
    if len(value) > most:
        raise _long(f"oidc.{field}", most)
    return value


def _long(field: str, most: int) -> CloudError:
    return invalid(f"{field} has at most {most} characters.", field=field)


def _settings(provider: Provider) -> Json:
    """Return what a request may say of a provider, but for its oidc settings."""
    shown: Json = {"attributeMapping": provider.mapping}
    if provider.saml is not None:
        shown["saml"] = {"idpMetadataXml": provider.saml.metadata}
    if provider.condition:
        shown["attributeCondition"] = provider.condition
    if provider.display_name:
        shown["displayName"] = provider.display_name
    if provider.description:
        shown["description"] = provider.description
    if provider.disabled:
        shown["disabled"] = True
    if provider.detailed_log:
        shown["detailedAuditLogging"] = True
    return shown


def _oidc_json(oidc: OIDC, secret: Json) -> Json:
    web: Json = {
        "responseType": CODE,
        "assertionClaimsBehavior": MERGED if oidc.userinfo else TOKEN_ONLY,
    }
    if oidc.scopes:
        web["additionalScopes"] = list(oidc.scopes)
    shown: Json = {"issuerUri": oidc.issuer, "clientId": oidc.client_id, "webSsoConfig": web}
    if oidc.jwks:
        shown["jwksJson"] = oidc.jwks
    if oidc.client_secret:
        shown["clientSecret"] = {"value": secret}
    return shown
