"""Documents of strangers as trees, in a reading process only: small, plain, without a DTD.

What two readers could take in two ways is refused before anything is looked for: comments and
processing instructions (canonical XML drops them, so that a signature says nothing of them),
entities, another encoding than UTF-8, an ID that occurs twice.
"""

from __future__ import annotations

import re

from lxml import etree

from rempart.trust.identity.federation.saml.facts import DOCUMENT_BYTES_MAX

ELEMENTS_MAX = 5000
TEXT_CHARS_MAX = 16 * 1024

ASSERTION_NS = "urn:oasis:names:tc:SAML:2.0:assertion"
PROTOCOL_NS = "urn:oasis:names:tc:SAML:2.0:protocol"
METADATA_NS = "urn:oasis:names:tc:SAML:2.0:metadata"
SIGNATURE_NS = "http://www.w3.org/2000/09/xmldsig#"
_DECLARED = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([^"']*)["']""")


class Unreadable(Exception):  # noqa: N818 - a verdict on a document, not a fault
    """A document that is not taken; the message is for whom it came from."""


def saml(name: str) -> str:
    """Return an element's name in the namespace of assertions."""
    return f"{{{ASSERTION_NS}}}{name}"


def protocol(name: str) -> str:
    """Return an element's name in the namespace of the protocol."""
    return f"{{{PROTOCOL_NS}}}{name}"


def metadata(name: str) -> str:
    """Return an element's name in the namespace of metadata."""
    return f"{{{METADATA_NS}}}{name}"


def signature(name: str) -> str:
    """Return an element's name in the namespace of signatures."""
    return f"{{{SIGNATURE_NS}}}{name}"


def tree(document: bytes, *, comments: bool) -> etree._Element:
    """Return a document's root; `comments` says whether it may have any."""
    _check_bytes(document)
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False
    )
    try:
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError) as problem:
        raise Unreadable("it is not well-formed XML") from problem
    if root.getroottree().docinfo.doctype:
        raise Unreadable("it has a document type declaration")
    around = (*root.itersiblings(preceding=True), *root.itersiblings())
    for count, node in enumerate((*around, *root.iter())):
        if count >= ELEMENTS_MAX:
            raise Unreadable(f"it has more than {ELEMENTS_MAX} elements")
        if not isinstance(node.tag, str) and not (comments and node.tag is etree.Comment):
            raise Unreadable("it has comments or processing instructions")
    _check_ids(root)
    return root


def one(parent: etree._Element, name: str) -> etree._Element:
    """Return the one child of a name."""
    found = children(parent, name)
    if len(found) != 1:
        raise Unreadable(f"it has {len(found) or 'no'} {local(name)} where there is one")
    return found[0]


def maybe(parent: etree._Element, name: str) -> etree._Element | None:
    """Return the child of a name, None where there is none; several are refused."""
    return one(parent, name) if children(parent, name) else None


def children(parent: etree._Element, name: str) -> list[etree._Element]:
    """Return the children of a name."""
    return [child for child in parent if child.tag == name]


def text(element: etree._Element) -> str:
    """Return the text of an element that has nothing else in it, without blanks around it."""
    if len(element):
        raise Unreadable(f"its {local(element.tag)} is more than a text")
    value = (element.text or "").strip()
    if len(value) > TEXT_CHARS_MAX:
        raise Unreadable(f"its {local(element.tag)} is too long")
    return value


def local(name: object) -> str:
    """Return a name without its namespace."""
    return str(name).rpartition("}")[2][:80]


def _check_bytes(document: bytes) -> None:
    if len(document) > DOCUMENT_BYTES_MAX:
        raise Unreadable(f"it has more than {DOCUMENT_BYTES_MAX} bytes")
    try:
        document.decode("utf-8", errors="strict")
    except UnicodeDecodeError as problem:
        raise Unreadable("it is not UTF-8") from problem
    declared = _DECLARED.match(document.removeprefix(b"\xef\xbb\xbf"))
    if declared and declared[1].lower() not in (b"utf-8", b"us-ascii"):
        raise Unreadable("it declares another encoding than UTF-8")
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document or b"\x00" in document:
        raise Unreadable("it has a document type declaration")


def _check_ids(root: etree._Element) -> None:
    """Refuse an ID that occurs twice, however the attribute is written."""
    seen: set[str] = set()
    for element in root.iter(etree.Element):
        for name, value in element.attrib.items():
            if local(name).lower() == "id":
                if value in seen:
                    raise Unreadable("an ID occurs twice")
                seen.add(str(value))
