"""A response or assertion whose signature one of a provider's keys made, in a reading process only.

Where a signature may stand, and what stands beside it, is fixed before one is verified; what is
then read is the bytes that were signed, parsed anew, and never the document that they came in. So a
signature that was moved, wrapped or copied proves nothing about what somebody put around it.

Sources: SAML Core, sections 2 and 5.4; XML Signature Syntax and Processing 1.1.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509
from lxml import etree
from signxml.algorithms import DigestAlgorithm, SignatureMethod
from signxml.verifier import SignatureConfiguration, VerifyResult, XMLVerifier

from rempart.trust.identity.federation.saml.facts import Assertion, Confirmation, Envelope
from rempart.trust.identity.federation.saml.xml import (
    Unreadable,
    children,
    local,
    maybe,
    one,
    protocol,
    saml,
    signature,
    text,
    tree,
)

_METHODS = frozenset(
    (
        SignatureMethod.RSA_SHA256,
        SignatureMethod.RSA_SHA384,
        SignatureMethod.RSA_SHA512,
        SignatureMethod.ECDSA_SHA256,
        SignatureMethod.ECDSA_SHA384,
        SignatureMethod.ECDSA_SHA512,
    )
)
_DIGESTS = frozenset((DigestAlgorithm.SHA256, DigestAlgorithm.SHA384, DigestAlgorithm.SHA512))
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ENVELOPED = "http://www.w3.org/2000/09/xmldsig#enveloped-signature"
_CONDITIONS = frozenset(("AudienceRestriction", "OneTimeUse", "ProxyRestriction"))
_VERSION = "2.0"


def read(document: bytes, certificates: Sequence[bytes], now: int) -> Assertion:
    """Return what is signed of a response or an assertion, at `now` in seconds."""
    root = tree(document, comments=False)
    _check_places(root)
    keys = [x509.load_der_x509_certificate(one) for one in certificates]
    if root.tag == saml("Assertion"):
        return _facts(_verified(root, keys, now), None)
    return _of_response(root, keys, now)


def _of_response(root: etree._Element, keys: Sequence[x509.Certificate], now: int) -> Assertion:
    signed = maybe(root, signature("Signature")) is not None
    if signed:
        root = _verified(root, keys, now)
    _check_version(root)
    status = _attribute(one(one(root, protocol("Status")), protocol("StatusCode")), "Value")
    issuer = maybe(root, saml("Issuer"))
    envelope = Envelope(
        signed=signed,
        status=status,
        issuer="" if issuer is None else text(issuer),
        destination=_attribute(root, "Destination"),
        in_response_to=_attribute(root, "InResponseTo"),
    )
    assertion = one(root, saml("Assertion"))
    if not signed or maybe(assertion, signature("Signature")) is not None:
        assertion = _verified(assertion, keys, now)
    return _facts(assertion, envelope)


def _check_places(root: etree._Element) -> None:
    """Refuse all but one assertion, alone or right in a response, signed right in either."""
    if root.tag not in (protocol("Response"), saml("Assertion")):
        raise Unreadable("it is neither a SAML response nor an assertion")
    everything = [local(element.tag) for element in root.iter()]
    if "EncryptedAssertion" in everything or "EncryptedID" in everything:
        raise Unreadable("encrypted assertions are not offered by this universe")
    if "Assertion" not in everything and root.tag == protocol("Response"):
        raise Unreadable(f"it has no assertion; its status is {_status(root)}")
    if everything.count("Assertion") != 1 or everything.count("Response") > 1:
        raise Unreadable("it has more than one response or assertion")
    if "Object" in everything or "Manifest" in everything:
        raise Unreadable("its signature brings other contents along")
    holders = [element.getparent() for element in root.iter() if local(element.tag) == "Signature"]
    inside = root if root.tag == saml("Assertion") else one(root, saml("Assertion"))
    if not holders or any(one is not root and one is not inside for one in holders):
        raise Unreadable("it is not signed where a response or an assertion is")
    if len(holders) != len({id(one) for one in holders}):
        raise Unreadable("it is signed twice in one place")


def _status(root: etree._Element) -> str:
    """Return why a provider gave no assertion, as it says it in one word."""
    codes = [_attribute(code, "Value") for code in root.iter(protocol("StatusCode"))]
    return local(codes[-1].rpartition(":")[2]) if codes else "not told"


def _verified(
    element: etree._Element, keys: Sequence[x509.Certificate], now: int
) -> etree._Element:
    """Return an element as one of the keys signed it, parsed from the very bytes."""
    reference = _reference(element)
    config = SignatureConfiguration(
        location="./",
        expect_references=1,
        signature_methods=_METHODS,
        digest_algorithms=_DIGESTS,
        verification_time=datetime.fromtimestamp(now, UTC),
    )
    data = etree.tostring(element, with_tail=False)
    for key in keys:
        try:
            found = XMLVerifier().verify(
                data,
                x509_cert=key,
                id_attribute="ID",
                expect_config=config,
                # The schema does not know the prefixes that exclusive canonical XML may list.
                validate_schema=False,
            )
        except Exception:  # noqa: BLE001, S112 - the library raises what it likes; none of it admits
            continue
        signed = found.signed_xml if isinstance(found, VerifyResult) else None
        same = signed is not None and (signed.tag, signed.get("ID")) == (element.tag, reference)
        if signed is not None and same:
            return signed
    raise Unreadable("its signature does not verify by a key of the provider that is valid now")


def _reference(element: etree._Element) -> str:
    """Return the ID of an element whose signature is about it, plainly (Core, section 5.4)."""
    id_ = _attribute(element, "ID")
    holder = one(element, signature("Signature"))
    information = one(holder, signature("SignedInfo"))
    one(holder, signature("SignatureValue"))
    one(information, signature("SignatureMethod"))
    method = one(information, signature("CanonicalizationMethod"))
    reference = one(information, signature("Reference"))
    one(reference, signature("DigestMethod"))
    one(reference, signature("DigestValue"))
    transforms = one(reference, signature("Transforms"))
    algorithms = [_attribute(one, "Algorithm") for one in transforms]
    if not id_ or _attribute(reference, "URI") != f"#{id_}":
        raise Unreadable("its signature is about something else")
    plain = sorted(algorithms) == sorted((_ENVELOPED, _EXCLUSIVE))
    if not plain or _attribute(method, "Algorithm") != _EXCLUSIVE:
        raise Unreadable("its signature has other transforms than SAML's")
    return id_


def _facts(assertion: etree._Element, envelope: Envelope | None) -> Assertion:
    _check_version(assertion)
    subject = one(assertion, saml("Subject"))
    conditions = one(assertion, saml("Conditions"))
    for condition in conditions:
        if condition.tag not in {saml(name) for name in _CONDITIONS}:
            raise Unreadable(f"its condition {local(condition.tag)} is not known")
    return Assertion(
        id=_attribute(assertion, "ID"),
        issuer=text(one(assertion, saml("Issuer"))),
        issued=_attribute(assertion, "IssueInstant"),
        subject=text(one(subject, saml("NameID"))),
        confirmations=tuple(
            _confirmation(one) for one in children(subject, saml("SubjectConfirmation"))
        ),
        not_before=_attribute(conditions, "NotBefore"),
        not_on_or_after=_attribute(conditions, "NotOnOrAfter"),
        audiences=tuple(
            tuple(text(one) for one in children(restriction, saml("Audience")))
            for restriction in children(conditions, saml("AudienceRestriction"))
        ),
        once=maybe(conditions, saml("OneTimeUse")) is not None,
        sessions_end=tuple(
            _attribute(one, "SessionNotOnOrAfter")
            for one in children(assertion, saml("AuthnStatement"))
            if one.get("SessionNotOnOrAfter")
        ),
        attributes=_attributes(assertion),
        envelope=envelope,
    )


def _confirmation(element: etree._Element) -> Confirmation:
    data = maybe(element, saml("SubjectConfirmationData"))
    return Confirmation(
        method=_attribute(element, "Method"),
        recipient=_attribute(data, "Recipient"),
        in_response_to=_attribute(data, "InResponseTo"),
        not_before=_attribute(data, "NotBefore"),
        not_on_or_after=_attribute(data, "NotOnOrAfter"),
    )


def _attributes(assertion: etree._Element) -> dict[str, list[str]]:
    """Return the attributes whose values are texts; one with anything else is left out whole."""
    found: dict[str, list[str]] = {}
    for statement in children(assertion, saml("AttributeStatement")):
        for attribute in children(statement, saml("Attribute")):
            values = children(attribute, saml("AttributeValue"))
            if not any(len(value) for value in values):
                name = _attribute(attribute, "Name")
                found.setdefault(name, []).extend(text(value) for value in values)
    return found


def _check_version(element: etree._Element) -> None:
    if _attribute(element, "Version") != _VERSION:
        raise Unreadable("it is of another version than SAML 2.0")


def _attribute(element: etree._Element | None, name: str) -> str:
    """Return an attribute, empty where there is none."""
    return "" if element is None else str(element.get(name) or "")
