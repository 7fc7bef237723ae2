"""AWS credentials: a signed request of the caller's, which Amazon's STS alone can judge.

The caller signs GetCallerIdentity and does not send it; the universe sends it on, as it was signed,
and believes what STS answers. Only the endpoints that the operator names are asked, and nothing but
this one action: of the caller's request no address, no path and no header is taken as it comes.
Sources: AWS Signature Version 4; GetCallerIdentity of AWS STS (2011-06-15); Google's guide to
federation with AWS.
"""

from __future__ import annotations

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import unquote, urlsplit

from rempart.core.jwks import BadKeySet
from rempart.core.limits import KIB
from rempart.outbound import Question
from rempart.trust.identity.federation.issuers import HTTP_OK, Issuers
from rempart.trust.identity.federation.pools import HOST, Provider, owner_of
from rempart.trust.identity.federation.refusal import Refused

TOKEN_CHARS_MAX = 16 * KIB
VALUE_CHARS_MAX = 4 * KIB
AGE_SECONDS_MAX = 15 * 60
"""As long as AWS itself takes a signature for."""

SKEW_SECONDS = 60
ANSWER_BYTES_MAX = 16 * KIB
QUERY = "?Action=GetCallerIdentity&Version=2011-06-15"
TARGET = "x-goog-cloud-target-resource"

_SIGNATURE = "authorization"
_ALWAYS_SIGNED = frozenset(("host", "x-amz-date"))
_HEADERS = _ALWAYS_SIGNED | {_SIGNATURE, "x-amz-security-token", TARGET}
_VALUE = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")
_AUTHORIZATION = re.compile(
    r"AWS4-HMAC-SHA256 Credential=\w{16,128}/(?P<day>[0-9]{8})/[a-z0-9-]{1,32}/sts/aws4_request,"
    r" ?SignedHeaders=(?P<signed>[a-z0-9;-]{1,256}), ?Signature=[0-9a-f]{64}",
    re.ASCII,
)
_ARN = re.compile(r"arn:[a-z0-9-]{1,32}:(?:iam|sts)::(?P<account>[0-9]{12}):[\x21-\x7e]{1,2048}")
_ACCOUNT = re.compile(r"[0-9]{12}")
_NAMESPACE = "{https://sts.amazonaws.com/doc/2011-06-15/}"


@dataclass(frozen=True, slots=True)
class STSEndpoints:
    """The STS endpoints (`https://host[:port]`) that may be asked, and by what they are asked.

    `unsigned_target` takes requests whose signature does not cover which provider they are for: the
    ones of Google's libraries for Python and Node. Who is shown one could show it here.
    """

    issuers: Issuers
    endpoints: tuple[str, ...] = ()
    unsigned_target: bool = False

    async def claims(
        self, provider: Provider, audience: str, token: str, now: int
    ) -> Mapping[str, object]:
        """Return whom STS names as the signer, if of the provider's account; else `Refused`."""
        if not self.endpoints:
            raise Refused(
                "AWS credentials are not taken: the operator names the STS endpoints that may be"
                " asked in aws_sts_endpoints of rempart.toml.",
                error="invalid_request",
            )
        question = self._question(audience, token, now)
        try:
            answer = await self.issuers.ask(owner_of(provider.name), question, ANSWER_BYTES_MAX)
        except BadKeySet as problem:
            raise Refused("AWS STS cannot be asked at present.") from problem
        if answer.status != HTTP_OK:
            raise Refused("AWS STS does not accept the signed request.")
        caller = _caller(answer.text)
        if caller["account"] != provider.aws:
            raise Refused("The AWS account is not the provider's.")
        return caller

    def _question(self, audience: str, token: str, now: int) -> Question:
        """Return the request to send on, made anew of what may be in it; else `Refused`."""
        url, headers = _read(token)
        endpoint = next((e for e in self.endpoints if url in (e + QUERY, f"{e}/{QUERY}")), "")
        if not endpoint:
            raise Refused(
                "The signed request is not GetCallerIdentity at an STS endpoint that may be asked."
            )
        parts = urlsplit(endpoint)
        if headers.get("host") not in (parts.netloc, parts.hostname):
            raise Refused("The signed request's host is not that of its URL.")
        signed = _signed(headers, now)
        if _provider_of(headers.get(TARGET, "")) != _provider_of(audience):
            raise Refused(f"The signed request's {TARGET} is not the audience.")
        if TARGET not in signed and not self.unsigned_target:
            raise Refused(
                f"The signature does not cover {TARGET}: anybody who saw the request could use it."
                " Where that is accepted, aws_sts_unsigned_target in rempart.toml says so."
            )
        sent = {name: headers[name] for name in sorted(signed | {_SIGNATURE})}
        return Question(f"{endpoint}/{QUERY}", "POST", sent)


def _read(token: str) -> tuple[str, dict[str, str]]:
    """Return the URL and the headers, by small letters, of a request to POST without a body."""
    if len(token) > TOKEN_CHARS_MAX:
        raise Refused(f"The subject token exceeds {TOKEN_CHARS_MAX} characters.")
    try:
        said = json.loads(unquote(token, errors="strict"), object_pairs_hook=_members)
    except (ValueError, RecursionError) as problem:
        raise Refused("The subject token is not a signed request in JSON.") from problem
    if not isinstance(said, dict) or said.keys() != {"url", "method", "headers"}:
        raise Refused("The subject token does not have url, method and headers alone.")
    if said["method"] != "POST" or not isinstance(said["url"], str):
        raise Refused("The signed request is not one to POST.")
    return said["url"], _headers(said["headers"])


def _headers(given: object) -> dict[str, str]:
    made: dict[str, str] = {}
    for one in given if isinstance(given, list) else [None]:
        if not isinstance(one, dict) or one.keys() != {"key", "value"}:
            raise Refused("The signed request's headers are not a list of keys and values.")
        name, value = str(one["key"]).lower(), one["value"]
        if name not in _HEADERS or name in made:
            raise Refused(f"The signed request has a header {name[:60]!r} too many.")
        fits = isinstance(value, str) and len(value) <= VALUE_CHARS_MAX and _VALUE.fullmatch(value)
        if not fits:
            raise Refused(f"The signed request's {name} is no header value.")
        made[name] = value
    return made


def _signed(headers: Mapping[str, str], now: int) -> frozenset[str]:
    """Return the names of the headers that the signature covers, at a time that may be."""
    found = _AUTHORIZATION.fullmatch(headers.get(_SIGNATURE, ""))
    if found is None:
        raise Refused("The signed request's authorization is no signature of version 4 for STS.")
    signed = frozenset(found["signed"].split(";"))
    needed = _ALWAYS_SIGNED | (headers.keys() & {"x-amz-security-token"})
    if not needed <= signed <= headers.keys() - {_SIGNATURE}:
        raise Refused("The signature does not cover the request's headers.")
    try:
        moment = datetime.strptime(headers["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as problem:
        raise Refused("The signed request's x-amz-date is no time.") from problem
    if not headers["x-amz-date"].startswith(found["day"]):
        raise Refused("The signed request's x-amz-date is not of the signature's day.")
    if not -SKEW_SECONDS <= now - moment.timestamp() <= AGE_SECONDS_MAX:
        raise Refused(f"The request was not signed in the last {AGE_SECONDS_MAX // 60} minutes.")
    return signed


def _provider_of(resource: str) -> str:
    """Return a provider's name out of either form of an audience; empty for any other text."""
    start, _, name = resource.partition(f"//{HOST}/")
    return name if start in ("", "https:") else ""


def _caller(text: str) -> dict[str, str]:
    """Return whom an answer of GetCallerIdentity names; else `Refused`."""
    names = {"arn": "Arn", "account": "Account", "userid": "UserId"}
    try:
        # Nothing is declared in it, so there are no entities, and it is short.
        root = ET.fromstring(text if "<!" not in text else "")  # noqa: S314 - as said
    except (ET.ParseError, ValueError) as problem:
        raise Refused("The answer of AWS STS cannot be read.") from problem
    result = f"{_NAMESPACE}GetCallerIdentityResult/{_NAMESPACE}"
    found = {name: root.findtext(result + tag, "") for name, tag in names.items()}
    arn = _ARN.fullmatch(found["arn"])
    if arn is None or arn["account"] != found["account"] or not found["userid"]:
        raise Refused("The answer of AWS STS names no caller.")
    return found


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


def is_account(number: str) -> bool:
    """Tell whether a text is the number of an AWS account."""
    return _ACCOUNT.fullmatch(number) is not None
