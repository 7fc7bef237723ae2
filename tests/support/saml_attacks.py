"""What enemies of a SAML provider send, and metadata that cannot serve; each with why not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

from signxml.algorithms import SignatureMethod

from rempart.trust.identity.federation.saml.facts import DOCUMENT_BYTES_MAX
from support.saml_forge import Forge, Signer, unsigned

_DAY = dt.timedelta(days=1)


WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "another issuer": ("issuer", {"issuer": "https://evil.example.test"}),
    "another audience": ("audience", {"audience": "https://elsewhere.example.test"}),
    "another recipient": ("recipient", {"recipient": "https://elsewhere.example.test"}),
    "expired": ("expired", {"ends": -61}),
    "confirmation expired": ("expired", {"confirmed": -61}),
    "not yet": ("not valid yet", {"begins": 90}),
    "from the future": ("future", {"issued": 90}),
    "for days": ("24 hours", {"ends": 86_500, "confirmed": 86_500}),
    "for a holder of a key": (
        "bearer",
        {"method": "urn:oasis:names:tc:SAML:2.0:cm:holder-of-key"},
    ),
    "another condition": ("not known", {"conditions": "<saml:Elsewhere/>"}),
    "SAML 1.1": ("version", {"version": "1.1"}),
}


def _with(xml: str, what: str, where: str) -> str:
    assert where in xml
    return xml.replace(where, what + where, 1)


def _wrapped_before(forge: Forge) -> str:
    """XSW: a forged assertion stands before the signed one."""
    return forge.response(unsigned(forge.assertion("mallory")), forge.signed())


def _wrapped_after(forge: Forge) -> str:
    return forge.response(forge.signed(), unsigned(forge.assertion("mallory")))


def _moved_into_object(forge: Forge) -> str:
    """XSW: the signed assertion moves into the signature of a forged one."""
    signed = forge.signed(id="_real")
    start, end = signed.index("<ds:Signature"), signed.index("</ds:Signature>")
    body, signature = signed[:start] + signed[end + 15 :], signed[start:end]
    inside = f"{signature}<ds:Object>{body}</ds:Object></ds:Signature>"
    forged = forge.assertion("mallory", id="_forged")
    place = forged.index("<ds:Signature")
    rest = forged[forged.index("/>", place) + 2 :]
    return forge.response(forged[:place] + inside + rest)


def _same_id(forge: Forge) -> str:
    """XSW: the forged assertion has the ID that was signed, the signed one hides below."""
    signed = forge.signed(id="_real")
    start, end = signed.index("<ds:Signature"), signed.index("</ds:Signature>") + 15
    forged = unsigned(forge.assertion("mallory", id="_real"))
    hidden = f"<saml:Advice>{signed[:start] + signed[end:]}</saml:Advice>"
    return forge.response(_with(forged, signed[start:end], "<saml:Subject>").replace(
        "</saml:Conditions>", f"</saml:Conditions>{hidden}"))  # fmt: skip


def _in_advice(forge: Forge) -> str:
    """XSW: the whole signed assertion hides within the forged one."""
    forged = unsigned(forge.assertion("mallory"))
    return forge.response(_with(forged, forge.signed(), "<saml:Subject>"))


def _in_extensions(forge: Forge) -> str:
    """XSW: the signed assertion hides beside the forged one, out of its place."""
    hidden = f"<samlp:Extensions>{forge.signed()}</samlp:Extensions>"
    made = forge.response(unsigned(forge.assertion("mallory")))
    return _with(made, hidden, "<samlp:Status>")


def _response_in_response(forge: Forge) -> str:
    """XSW: a signed response hides within a forged one."""
    signed = forge.response(unsigned(forge.assertion()), sign=True)
    return forge.response(unsigned(forge.assertion("mallory")), signed)


def _signature_copied(forge: Forge) -> str:
    signed = forge.signed()
    signature = signed[signed.index("<ds:Signature") : signed.index("</ds:Signature>") + 15]
    return forge.response(_with(unsigned(forge.assertion("mallory")), signature, "<saml:Subject>"))


def _swapped(forge: Forge) -> str:
    """The response is signed, and its assertion was exchanged for one of another response."""
    mine, other = (forge.assertion(who, id=f"_{who}") for who in ("mallory", "alice"))
    signed = forge.response(unsigned(mine), sign=True)
    start, end = signed.index("<saml:Assertion"), signed.index("</saml:Assertion>") + 17
    return signed[:start] + unsigned(other) + signed[end:]


def _good_assertion_in_broken_response(forge: Forge) -> str:
    return forge.response(forge.signed(), sign=True).replace("status:Success", "status:Requester")


def _other_key(forge: Forge) -> str:
    return Forge(forge.audience, forge.recipient, now=forge.now).signed()


def _truncated(forge: Forge) -> str:
    """A comment within the name: who reads up to it reads another name (2018)."""
    signed = forge.signed("alice@corp.example.test.evil.example.test")
    return signed.replace("corp.example.test.evil", "corp.example.test<!-- -->.evil")


def _entity(forge: Forge) -> str:
    signed = forge.signed("alice")
    return f'<!DOCTYPE x [<!ENTITY who "alice">]>{signed}'.replace(">alice<", ">&who;<")


def _bomb(forge: Forge) -> str:
    lines = "".join(f'<!ENTITY x{n} "{f"&x{n - 1};" * 10}">' for n in range(1, 12))
    return f'<!DOCTYPE x [<!ENTITY x0 "ha">{lines}]>' + forge.signed().replace("alice", "&x11;")


def _sha1(forge: Forge) -> str:
    return forge.signer.sign(forge.assertion(), SignatureMethod.RSA_SHA1)


def _hmac_by_the_certificate(forge: Forge) -> str:
    return forge.signed().replace("xmldsig-more#rsa-sha256", "xmldsig-more#hmac-sha256")


def _other_transform(forge: Forge) -> str:
    return forge.signed().replace("xml-exc-c14n#", "xml-exc-c14n#WithComments")


def _outside_reference(forge: Forge) -> str:
    return forge.signed(id="_real").replace('URI="#_real"', 'URI=""')


ATTACKS: dict[str, tuple[str, Callable[[Forge], str]]] = {
    "not signed": ("not signed", lambda forge: forge.response(unsigned(forge.assertion()))),
    "another key": ("does not verify", _other_key),
    "changed": ("does not verify", lambda forge: forge.signed().replace("alice", "mallory")),
    "a forged one before": ("more than one", _wrapped_before),
    "a forged one after": ("more than one", _wrapped_after),
    "the signed one in an object": ("more than one", _moved_into_object),
    "the signed one under the same ID": ("an ID occurs twice", _same_id),
    "the signed one in an advice": ("more than one", _in_advice),
    "the signed one in extensions": ("more than one", _in_extensions),
    "a response in a response": ("more than one", _response_in_response),
    "a signature copied": ("something else", _signature_copied),
    "an assertion swapped": ("does not verify", _swapped),
    "a response broken": ("does not verify", _good_assertion_in_broken_response),
    "a comment in the name": ("comments", _truncated),
    "an instruction": ("instructions", lambda forge: f"<?x y?>{forge.signed()}"),
    "an entity": ("document type", _entity),
    "a bomb": ("document type", _bomb),
    "SHA-1": ("does not verify", _sha1),
    "a MAC": ("does not verify", _hmac_by_the_certificate),
    "comments signed": ("other transforms", _other_transform),
    "the whole document": ("something else", _outside_reference),
    "a signed failure": (
        "nobody was signed in",
        lambda forge: forge.response(forge.signed(), status="Requester"),
    ),
    "a failure": (
        "its status is AuthnFailed",
        lambda forge: forge.response(status="AuthnFailed"),
    ),
    "another destination": (
        "destination",
        lambda forge: forge.response(forge.signed(), destination="https://elsewhere.test"),
    ),
    "signed without destination": (
        "destination",
        lambda forge: forge.response(unsigned(forge.assertion()), sign=True, destination=""),
    ),
    "encrypted": (
        "encrypted assertions are not offered",
        lambda forge: forge.response("<saml:EncryptedAssertion/>"),
    ),
    "many elements": (
        "elements",
        lambda forge: _with(forge.signed(), "<a/>" * 6000, "<saml:Subject>"),
    ),
    "huge": ("bytes", lambda forge: forge.signed() + " " * DOCUMENT_BYTES_MAX),
    "another encoding": (
        "encoding",
        lambda forge: '<?xml version="1.0" encoding="utf-16"?>' + forge.signed(),
    ),
    "no XML": ("not well-formed", lambda _: "hello"),
    "other XML": ("neither", lambda _: "<a/>"),
}

BAD_METADATA: dict[str, tuple[str, Callable[[Forge], str]]] = {
    "nothing": ("is required", lambda _: ""),
    "no XML": ("well-formed", lambda _: "hello"),
    "a document type": ("document type", lambda forge: "<!DOCTYPE x>" + forge.metadata()[61:]),
    "no entity ID": ("entityID", lambda forge: forge.metadata(entity="")),
    "four keys": (
        "more than 3",
        lambda forge: forge.metadata(*(on_a_curve(forge) for _ in range(3))),
    ),
    "expired alone": ("has not expired", lambda forge: _alone(forge, begins=-30, ends=-1)),
    "far off": ("in more than 7 days", lambda forge: _alone(forge, begins=8, ends=100)),
    "for ever": ("25 years", lambda forge: _alone(forge, begins=-1, ends=30 * 366)),
    "short": ("neither RSA", lambda forge: _alone(forge, begins=-1, ends=100, bits=1024)),
    "no key": (
        "has not expired",
        lambda forge: forge.metadata().replace('use="signing"', 'use="encryption"'),
    ),
    "no base64": (
        "not base64",
        lambda forge: forge.metadata().replace("<ds:X509Certificate>", "<ds:X509Certificate>*"),
    ),
    "no certificate": (
        "cannot be read",
        lambda forge: forge.metadata().replace("<ds:X509Certificate>MI", "<ds:X509Certificate>AA"),
    ),
    "not one": ("EntityDescriptor", lambda _: "<EntitiesDescriptor/>"),
    "SAML 1.1": ("speak SAML 2.0", lambda forge: forge.metadata().replace(":2.0:prot", ":1.1:p")),
    "long": ("at most 131072", lambda forge: forge.metadata() + " " * 131_072),
}


def on_a_curve(forge: Forge) -> Signer:
    return Signer(begins=forge.signer.begins, ends=forge.signer.ends, curve=True)


def _alone(forge: Forge, *, begins: int, ends: int, bits: int = 2048) -> str:
    today = dt.datetime.fromtimestamp(forge.now(), dt.UTC)
    signer = Signer(today + begins * _DAY, today + ends * _DAY, bits)
    return Forge("", "", signer=signer).metadata()
