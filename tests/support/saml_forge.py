"""Keys, metadata and responses of a SAML identity provider, made to measure; also wrong ones."""

from __future__ import annotations

import base64
import datetime as dt
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from lxml import etree
from signxml import signer as signers
from signxml.algorithms import CanonicalizationMethod, SignatureConstructionMethod, SignatureMethod
from typing_extensions import override

ASSERTION = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL = "urn:oasis:names:tc:SAML:2.0:protocol"
SIGNATURE = "http://www.w3.org/2000/09/xmldsig#"
_PLACE = f'<ds:Signature xmlns:ds="{SIGNATURE}" Id="placeholder"/>'
_DAY = dt.timedelta(days=1)


@dataclass
class Signer:
    """A signing key and a certificate about it, by default valid from yesterday for a year."""

    begins: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC) - _DAY)
    ends: dt.datetime = field(default_factory=lambda: dt.datetime.now(dt.UTC) + 365 * _DAY)
    bits: int = 2048
    curve: bool = False

    @cached_property
    def key(self) -> Any:
        if self.curve:
            return ec.generate_private_key(ec.SECP256R1())
        return rsa.generate_private_key(65537, self.bits)

    @cached_property
    def certificate(self) -> x509.Certificate:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "corp")])
        return x509.CertificateBuilder(
            issuer_name=name,
            subject_name=name,
            public_key=self.key.public_key(),
            serial_number=x509.random_serial_number(),
            not_valid_before=self.begins,
            not_valid_after=self.ends,
        ).sign(self.key, hashes.SHA256())

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def private_pem(self) -> str:
        private: bytes = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return private.decode()

    def sign(
        self, xml: str, method: SignatureMethod | None = None, prefixes: list[str] | None = None
    ) -> str:
        """Return an element with its signature where the placeholder stands.

        `prefixes` are namespaces that are signed though no name uses them, as for `xsi:type`.
        """
        usual = SignatureMethod.ECDSA_SHA256 if self.curve else SignatureMethod.RSA_SHA256
        made = _Signer(
            method=SignatureConstructionMethod.enveloped,
            signature_algorithm=method or usual,
            c14n_algorithm=CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0,
        )
        root = etree.fromstring(xml)
        signed = made.sign(
            root,
            key=self.key,
            cert=[self.certificate],
            reference_uri=[_reference(f"#{root.get('ID')}", prefixes)],
            inclusive_ns_prefixes=prefixes,
            id_attribute="ID",
        )
        return str(etree.tostring(signed), "utf-8")


def _reference(uri: str, prefixes: list[str] | None) -> signers.SignatureReference:
    method = CanonicalizationMethod.EXCLUSIVE_XML_CANONICALIZATION_1_0
    return signers.SignatureReference(URI=uri, c14n_method=method, inclusive_ns_prefixes=prefixes)


class _Signer(signers.XMLSigner):
    @override
    def check_deprecated_methods(self) -> None:
        """Sign by SHA-1 too: what is to be refused must first be made."""

    @override
    def _build_transforms_for_reference(
        self, *, transforms_node: Any, reference: signers.SignatureReference, **more: Any
    ) -> None:
        """Write the prefixes with which the library computes the digest, but that it leaves out."""
        super()._build_transforms_for_reference(
            transforms_node=transforms_node, reference=reference, **more
        )
        if reference.inclusive_ns_prefixes:
            name = "{http://www.w3.org/2001/10/xml-exc-c14n#}InclusiveNamespaces"
            listed = " ".join(reference.inclusive_ns_prefixes)
            etree.SubElement(transforms_node[-1], name, PrefixList=listed)


@dataclass
class Forge:
    """An identity provider's pen; `now` is its clock, in seconds."""

    audience: str
    recipient: str
    issuer: str = "https://idp.example.test/saml"
    signer: Signer = field(default_factory=Signer)
    now: Callable[[], float] = lambda: dt.datetime.now(dt.UTC).timestamp()

    def metadata(self, *others: Signer, entity: str | None = None) -> str:
        """Return metadata with this signer's certificate, and those of others."""
        keys = "".join(
            f'<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="{SIGNATURE}"><ds:X509Data>'
            f"<ds:X509Certificate>{base64.b64encode(one.der).decode()}</ds:X509Certificate>"
            "</ds:X509Data></ds:KeyInfo></md:KeyDescriptor>"
            for one in (self.signer, *others)
        )
        return (
            '<?xml version="1.0" encoding="UTF-8"?><!-- as some providers write it -->'
            '<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
            f' entityID="{self.issuer if entity is None else entity}">'
            f'<md:IDPSSODescriptor protocolSupportEnumeration="{PROTOCOL}">{keys}'
            '<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect"'
            ' Location="https://idp.example.test/sso"/></md:IDPSSODescriptor>'
            "</md:EntityDescriptor>"
        )

    def time(self, seconds: float) -> str:
        moment = dt.datetime.fromtimestamp(self.now() + seconds, dt.UTC)
        return moment.strftime("%Y-%m-%dT%H:%M:%SZ")

    def assertion(
        self,
        subject: str = "alice",
        attributes: Mapping[str, tuple[str, ...]] | None = None,
        **changes: Any,
    ) -> str:
        """Return an assertion that is not signed yet; `changes` are to what it says."""
        said: dict[str, Any] = {
            "id": f"_{secrets.token_hex(16)}",
            "issuer": self.issuer,
            "audience": self.audience,
            "recipient": self.recipient,
            "issued": 0,
            "begins": -10,
            "ends": 300,
            "confirmed": 300,
            "method": "urn:oasis:names:tc:SAML:2.0:cm:bearer",
            "request": None,
            "session": None,
            "conditions": "",
            "version": "2.0",
        } | changes
        request = f' InResponseTo="{said["request"]}"' if said["request"] else ""
        session = said["session"]
        session = "" if session is None else f' SessionNotOnOrAfter="{self.time(session)}"'
        values = "".join(
            f'<saml:Attribute Name="{name}">'
            + "".join(f"<saml:AttributeValue>{one}</saml:AttributeValue>" for one in texts)
            + "</saml:Attribute>"
            for name, texts in (attributes or {"groups": ("engineers", "auditors")}).items()
        )
        return (
            f'<saml:Assertion xmlns:saml="{ASSERTION}" ID="{said["id"]}"'
            f' Version="{said["version"]}" IssueInstant="{self.time(said["issued"])}">'
            f"<saml:Issuer>{said['issuer']}</saml:Issuer>{_PLACE}"
            f"<saml:Subject><saml:NameID>{subject}</saml:NameID>"
            f'<saml:SubjectConfirmation Method="{said["method"]}"><saml:SubjectConfirmationData'
            f' NotOnOrAfter="{self.time(said["confirmed"])}"'
            f' Recipient="{said["recipient"]}"{request}/>'
            "</saml:SubjectConfirmation></saml:Subject>"
            f'<saml:Conditions NotBefore="{self.time(said["begins"])}"'
            f' NotOnOrAfter="{self.time(said["ends"])}"><saml:AudienceRestriction><saml:Audience>'
            f"{said['audience']}</saml:Audience></saml:AudienceRestriction>{said['conditions']}"
            f'</saml:Conditions><saml:AuthnStatement AuthnInstant="{self.time(0)}"{session}/>'
            f"<saml:AttributeStatement>{values}</saml:AttributeStatement></saml:Assertion>"
        )

    def signed(self, subject: str = "alice", **changes: Any) -> str:
        """Return a signed assertion."""
        return self.signer.sign(self.assertion(subject, **changes))

    def response(self, *inside: str, **changes: Any) -> str:
        """Return a response around what is given; nothing of it is signed here."""
        said: dict[str, Any] = {
            "id": f"_{secrets.token_hex(16)}",
            "issuer": self.issuer,
            "destination": self.recipient,
            "request": None,
            "status": "Success",
        } | changes
        request = f' InResponseTo="{said["request"]}"' if said["request"] else ""
        place = _PLACE if said.get("sign") else ""
        made = (
            f'<samlp:Response xmlns:samlp="{PROTOCOL}" xmlns:saml="{ASSERTION}"'
            f' ID="{said["id"]}" Version="2.0" IssueInstant="{self.time(0)}"'
            f' Destination="{said["destination"]}"{request}>'
            f"<saml:Issuer>{said['issuer']}</saml:Issuer>{place}<samlp:Status><samlp:StatusCode"
            f' Value="urn:oasis:names:tc:SAML:2.0:status:{said["status"]}"/></samlp:Status>'
            f"{''.join(inside)}</samlp:Response>"
        )
        return self.signer.sign(made) if said.get("sign") else made


def unsigned(xml: str) -> str:
    """Return an element without its placeholder."""
    return xml.replace(_PLACE, "")


def base64_of(xml: str | bytes) -> str:
    return base64.b64encode(xml.encode() if isinstance(xml, str) else xml).decode()
