"""Token exchange requests, purely (RFC 8693, section 2.1; google.identity.sts.v1)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote

from rempart.services.oauth2.forms import OAuthError
from rempart.trust.identity.federation.federation import Proof

EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
_TYPE = "urn:ietf:params:oauth:token-type:"
ACCESS_TOKEN, ID_TOKEN, JWT = _TYPE + "access_token", _TYPE + "id_token", _TYPE + "jwt"
SAML2 = _TYPE + "saml2"
MTLS, AWS = _TYPE + "mtls", "urn:ietf:params:aws:token-type:aws4_request"
TAKEN = {
    ID_TOKEN: Proof.ID_TOKEN,
    JWT: Proof.ID_TOKEN,
    SAML2: Proof.ASSERTION,
    MTLS: Proof.CERTIFICATE,
    AWS: Proof.AWS_REQUEST,
}
_NAMED = {
    ACCESS_TOKEN: "credential access boundaries are not offered by this universe",
}
"""Types that Google's service takes and this one does not, each with the reason."""

OPTIONS_CHARS_MAX = 4096
SCOPES_MAX = 50
SCOPE_CHARS_MAX = 256
USER_PROJECT_CHARS_MAX = 100
FIELDS = (
    "grant_type",
    "audience",
    "scope",
    "requested_token_type",
    "subject_token",
    "subject_token_type",
    "options",
)


@dataclass(frozen=True, slots=True)
class Exchange:
    """What a request wants: a token with these scopes, from a provider, for a credential."""

    audience: str
    scopes: tuple[str, ...]
    proof: Proof
    subject_token: str = field(repr=False)
    user_project: str = ""


def exchange(fields: Mapping[str, str]) -> Exchange:
    """Return what a request wants; raises `OAuthError` for what is not offered or not right."""
    if required(fields, "grant_type") != EXCHANGE:
        raise OAuthError("unsupported_grant_type", f"grant_type must be {EXCHANGE}.")
    if fields.get("requested_token_type", ACCESS_TOKEN) != ACCESS_TOKEN:
        raise OAuthError("invalid_request", f"requested_token_type must be {ACCESS_TOKEN}.")
    if fields.get("actor_token"):
        raise OAuthError("invalid_request", "actor_token is not offered by this universe.")
    type_ = required(fields, "subject_token_type")
    proof = TAKEN.get(type_)
    if proof is None:
        because = _NAMED.get(type_, "the type is unknown")
        raise OAuthError("invalid_request", f"subject_token_type {type_[:100]}: {because}.")
    return Exchange(
        audience=required(fields, "audience"),
        scopes=_scopes(required(fields, "scope")),
        proof=proof,
        subject_token=_subject_token(fields, proof),
        user_project=_user_project(fields.get("options", "")),
    )


def _subject_token(fields: Mapping[str, str], proof: Proof) -> str:
    """Return the token, which the older clients leave empty beside a certificate."""
    if proof is Proof.CERTIFICATE:
        return fields.get("subject_token", "")
    # Clients send the text of a file as it is, with the line end that an editor put there.
    return required(fields, "subject_token").strip()


def required(fields: Mapping[str, str], name: str) -> str:
    """Return a parameter that must be there."""
    value = fields.get(name, "")
    if not value:
        raise OAuthError("invalid_request", f"Missing required parameter: {name}")
    return value


def _scopes(text: str) -> tuple[str, ...]:
    """Return the scopes that a text lists (RFC 6749, section 3.3)."""
    scopes = text.split(" ")
    plain = text.isascii() and text.isprintable() and not set(text) & set('"\\')
    if not plain or len(scopes) > SCOPES_MAX or max(map(len, scopes)) > SCOPE_CHARS_MAX:
        raise OAuthError("invalid_scope", "scope is not a short list of scopes.")
    return tuple(sorted({one for one in scopes if one}))


def _user_project(options: str) -> str:
    """Return the project in the options, which clients encode once more than the form does."""
    if not options:
        return ""
    if len(options) > OPTIONS_CHARS_MAX:
        raise OAuthError("invalid_request", f"options exceed {OPTIONS_CHARS_MAX} characters.")
    try:
        said = json.loads(unquote(options, errors="strict"))
    except (ValueError, RecursionError) as problem:
        raise OAuthError("invalid_request", "options are not JSON.") from problem
    if not isinstance(said, dict) or not said.keys() <= {"userProject"}:
        raise OAuthError("invalid_request", "options have the member userProject alone.")
    project = said.get("userProject", "")
    if not isinstance(project, str) or len(project) > USER_PROJECT_CHARS_MAX:
        raise OAuthError("invalid_request", "userProject is not the name of a project.")
    return project
