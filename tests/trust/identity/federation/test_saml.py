"""SAML assertions as the reading process and the rules take them, and metadata: every case of each.

Here the reading runs within the test; `tests/services/sts/test_exchange_saml.py` has its process.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import time
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rempart.core.clock import Micros
from rempart.core.errors import CloudError
from rempart.trust.identity.federation.refusal import Refused
from rempart.trust.identity.federation.saml import reader, reading
from rempart.trust.identity.federation.saml.assertions import document_of
from rempart.trust.identity.federation.saml.facts import DOCUMENT_BYTES_MAX, Question
from rempart.trust.identity.federation.saml.provider import METADATA_CHARS_MAX, saml
from rempart.trust.identity.federation.saml.reader import Reader
from rempart.trust.identity.federation.saml.rules import Expected, Proven, judge
from support.saml_attacks import ATTACKS, BAD_METADATA, WRONG, on_a_curve
from support.saml_forge import Forge, Signer, base64_of, unsigned

FORGE = Forge("https://us.example.test", "https://us.example.test/here")


def proven(xml: str, *keys: Signer, request: str | None = None, forge: Forge = FORGE) -> Proven:
    """Return what a document proves; raises `Refused`."""
    now = int(time.time())
    certificates = tuple(one.der for one in keys or (forge.signer,))
    answer = reading.answer(Question(xml.encode(), certificates, now))
    if answer.assertion is None:
        raise Refused(answer.refused)
    here = frozenset((forge.recipient,))
    expected = Expected(forge.issuer, frozenset((forge.audience,)), here, request)
    return judge(answer.assertion, expected, now)


@pytest.mark.parametrize("what", ATTACKS)
def test_who_forges_wraps_or_hides_proves_nothing(what: str) -> None:
    told, attack = ATTACKS[what]
    with pytest.raises(Refused, match=told):
        proven(attack(FORGE))


@pytest.mark.parametrize("what", WRONG)
def test_an_assertion_that_is_not_for_us_here_and_now_proves_nothing(what: str) -> None:
    told, changes = WRONG[what]
    with pytest.raises(Refused, match=told):
        proven(FORGE.signed(**changes))


def test_what_is_barely_in_time_proves_what_it_says() -> None:
    barely: tuple[dict[str, Any], ...] = (
        {"ends": -55, "issued": -100},
        {"begins": 55},
        {"issued": 55},
    )
    for changes in barely:
        assert proven(FORGE.signed(**changes)).claims["subject"] == "alice"


def test_in_a_browsers_sign_in_the_answer_names_the_request() -> None:
    asked = FORGE.response(FORGE.signed(request="_asked"), request="_asked")
    assert proven(asked, request="_asked").id
    for xml in (
        FORGE.signed(),
        FORGE.signed(request="_other"),
        FORGE.response(FORGE.signed(request="_asked"), request="_other"),
    ):
        with pytest.raises(Refused, match="another sign-in"):
            proven(xml, request="_asked")


def test_either_signature_and_any_current_key_will_do() -> None:
    curve = on_a_curve(FORGE)
    pen = Forge(FORGE.audience, FORGE.recipient, signer=curve)
    for one in (FORGE, pen):
        for xml in (
            one.signed(),
            one.response(one.signed()),
            one.response(one.signed(), sign=True),
            one.response(unsigned(one.assertion()), sign=True),
        ):
            assert proven(xml, FORGE.signer, curve).claims == {
                "subject": "alice",
                "attributes": {"groups": ["engineers", "auditors"]},
            }


def test_values_with_types_are_signed_with_the_prefix_that_names_these() -> None:
    """As OpenSAML and others write: `xs` stands in a value alone, so canonical XML lists it."""
    typed = FORGE.assertion().replace(
        "<saml:AttributeValue>",
        '<saml:AttributeValue xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
        ' xsi:type="xs:string">',
    )
    spaced = typed.replace(" ID=", f' xmlns:xs="{_XS}" ID=', 1)
    signed = FORGE.signer.sign(spaced, prefixes=["xs"])
    assert "InclusiveNamespaces" in signed.partition("<ds:Transforms>")[2]
    assert proven(FORGE.response(signed)).claims == _CLAIMS
    with pytest.raises(Refused, match="does not verify"):
        proven(FORGE.response(signed.replace(f'xmlns:xs="{_XS}"', 'xmlns:xs="urn:x"', 1)))


_XS = "http://www.w3.org/2001/XMLSchema"


def test_a_key_that_has_expired_proves_nothing() -> None:
    yesterday = dt.datetime.now(dt.UTC) - dt.timedelta(days=1)
    old = Signer(begins=yesterday - dt.timedelta(days=9), ends=yesterday)
    with pytest.raises(Refused, match="valid now"):
        proven(Forge(FORGE.audience, FORGE.recipient, signer=old).signed(), old)


def test_an_attribute_that_is_no_text_is_left_out() -> None:
    made = proven(FORGE.signed(attributes={"a": ("<saml:NameID>x</saml:NameID>", "b"), "c": ("",)}))
    assert made.claims["attributes"] == {"c": [""]}


@pytest.mark.parametrize("what", BAD_METADATA)
def test_metadata_that_cannot_serve_are_refused(what: str) -> None:
    told, make = BAD_METADATA[what]
    text, now = make(FORGE), Micros(int(time.time() * 1e6))
    if not text or len(text) > METADATA_CHARS_MAX:
        return  # refused before it is read, as the test at the door shows
    answer = reading.answer(Question(text.encode()))
    if answer.refused:
        assert told in answer.refused
        return
    with pytest.raises(CloudError, match=told):
        saml({"saml": {"idpMetadataXml": text}}, None, answer.metadata, now, people=True)


@pytest.mark.parametrize(
    "address",
    ["", "http://idp.test/", "https://", "https://a@b/", "https://a.test/;x", "https://a.test/#x"],
)
def test_people_are_sent_to_plain_addresses_alone(address: str) -> None:
    text, now = FORGE.metadata(), Micros(int(time.time() * 1e6))
    wrong = text.replace("https://idp.example.test/sso", address)
    read = reading.answer(Question(wrong.encode())).metadata
    with pytest.raises(CloudError, match="SingleSignOnService"):
        saml({"saml": {"idpMetadataXml": wrong}}, None, read, now, people=True)
    assert saml({"saml": {"idpMetadataXml": wrong}}, None, read, now, people=False).issuer


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_no_change_of_a_signed_response_changes_what_it_proves(data: st.DataObject) -> None:
    """Whatever is cut, doubled or overwritten: what is taken at all says what was signed."""
    xml = _SIGNED
    start = data.draw(st.integers(0, len(xml) - 1))
    end = data.draw(st.integers(start, min(len(xml), start + 200)))
    pieces = st.sampled_from((xml[start:end] * 2, "", "mallory", "<!-- -->", " ", "\n", "&#97;"))
    changed = xml[:start] + data.draw(pieces) + xml[end:]
    with contextlib.suppress(Refused):
        assert proven(changed).claims == _CLAIMS


_SIGNED = FORGE.response(FORGE.signed())
_CLAIMS = proven(_SIGNED).claims


@given(st.binary(min_size=1, max_size=300))
def test_a_document_comes_as_itself_or_in_either_base64(content: bytes) -> None:
    xml = b"<" + content.hex().encode()
    plain, url = base64_of(xml), urlsafe_b64encode(xml).decode().rstrip("=")
    lines = "\r\n".join(plain[at : at + 76] for at in range(0, len(plain), 76))
    assert {document_of(one) for one in (xml.decode(), plain, url, lines)} == {xml}


def test_what_is_no_base64_is_refused() -> None:
    with pytest.raises(Refused, match="not base64"):
        document_of("*")


async def test_few_documents_wait_and_none_is_too_long() -> None:
    few = Reader()
    with pytest.raises(Refused, match="more than"):
        await few.assertion(b"x" * (DOCUMENT_BYTES_MAX + 1), (b"",), 0)
    few._waiting = reader.WAITING_MAX
    with pytest.raises(Refused, match="Too many"):
        await few.metadata(b"<x/>")


async def test_a_reading_process_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "READING_SECONDS_MAX", 0.0)
    with pytest.raises(Refused, match="cannot be read"):
        await Reader().metadata(FORGE.metadata().encode())
    monkeypatch.undo()
    monkeypatch.setattr(reader, "_PROGRAM", "rempart.core.limits")
    with pytest.raises(Refused, match="cannot be read"):
        await Reader().metadata(FORGE.metadata().encode())
    assert asyncio.get_running_loop().is_running()
