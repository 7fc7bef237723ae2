"""Certificates as credentials: whom they make, and the many that make nobody."""

from __future__ import annotations

import datetime as dt
import json
import time
from base64 import b64encode
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from rempart.core.certification_path import DEPTH_MAX
from rempart.core.errors import CloudError, Code
from rempart.services.sts.model import EXCHANGE
from rempart.trust.identity.federation import certificate
from rempart.trust.identity.federation.certificate import CHAIN_MAX
from rempart.trust.identity.federation.pools import TrustStore
from rempart.trust.identity.federation.refusal import Refused
from support import certificates
from support.certificates import DAY, SERVER_AUTH, Issued, chain, common_name
from support.federated import CLOUD_PLATFORM, FORM, POOLS, Outside, read
from support.worlds import NOW, call

MTLS = "urn:ietf:params:oauth:token-type:mtls"
MOMENT = dt.datetime.fromtimestamp(NOW, dt.UTC)
ROOT = certificates.root(MOMENT)
BETWEEN = ROOT.issue(common_name("Between"), MOMENT, authority=True, path_length=0)
WORKLOAD = BETWEEN.issue(common_name("robot"), MOMENT)
SPIFFE = x509.UniformResourceIdentifier("spiffe://corp/robot")


def store(*anchors: Issued, between: tuple[Issued, ...] = ()) -> dict[str, Any]:
    made = {"trustAnchors": [{"pemCertificate": one.pem} for one in anchors]}
    made |= {"intermediateCas": [{"pemCertificate": one.pem} for one in between]}
    return {"trustStore": made}


@dataclass
class Machines:
    """A pool with a provider of certificates."""

    outside: Outside

    @classmethod
    async def start(cls, *anchors: Issued, **settings: Any) -> Machines:
        settings = {"attributeMapping": {}, "x509": store(*(anchors or (ROOT,)))} | settings
        return cls(await Outside.start(oidc=None, **settings))

    async def exchange(
        self, shown: Issued | None, token: str = "", **changes: str
    ) -> tuple[int, dict[str, Any]]:
        form = {
            "grant_type": EXCHANGE,
            "audience": self.outside.audience,
            "scope": CLOUD_PLATFORM,
            "subject_token": token,
            "subject_token_type": MTLS,
        } | changes
        request = call(headers=FORM, body=urlencode(form).encode())
        request = replace(request, certificate=shown.pem.encode() if shown else b"")
        return read(await self.outside.sts.token(request))

    async def subject(self, shown: Issued, token: str = "") -> str:
        status, answer = await self.exchange(shown, token)
        assert status == 200, answer
        return (await self.outside.principal(answer["access_token"])).member

    async def refuses(self, shown: Issued | None, token: str = "", **changes: str) -> str:
        status, answer = await self.exchange(shown, token, **changes)
        assert status == 400, answer
        assert set(answer) == {"error", "error_description"}
        error: str = answer["error"]
        return error


async def test_a_chain_to_an_anchor_makes_an_identity_of_the_pool() -> None:
    machines = await Machines.start()
    expected = machines.outside.member("subject/robot")
    assert await machines.subject(WORKLOAD, chain(WORKLOAD, BETWEEN)) == expected
    assert await machines.subject(WORKLOAD, chain(WORKLOAD, BETWEEN, ROOT)) == expected


async def test_the_trust_store_may_know_what_lies_between() -> None:
    machines = await Machines.start(x509=store(ROOT, between=(BETWEEN,)))
    assert await machines.subject(WORKLOAD) == machines.outside.member("subject/robot")
    assert await machines.subject(WORKLOAD, chain(WORKLOAD))
    middle = await Machines.start(BETWEEN)
    assert await middle.subject(WORKLOAD)


async def test_every_attribute_that_google_names_can_be_mapped() -> None:
    unit, second = NameOID.ORGANIZATIONAL_UNIT_NAME, "second unit"
    subject = [(NameOID.ORGANIZATION_NAME, "Corp"), (unit, "first"), (unit, second)]
    shown = ROOT.issue(
        [*subject, *common_name("robot")],
        MOMENT,
        names=(x509.DNSName("a.corp.test"), x509.DNSName("b.corp.test"), SPIFFE),
    )
    fingerprint = b64encode(shown.certificate.fingerprint(hashes.SHA256())).decode().rstrip("=")
    expected = {
        "serial": ("serialNumberHex", f"{shown.certificate.serial_number:X}"),
        "cn": ("subject.dn.cn", "robot"),
        "o": ("subject.dn.o", "Corp"),
        "ou": ("subject.dn.ou", second),
        "issuer": ("issuer.dn.cn", "Root"),
        "dns": ("san.dns", "a.corp.test"),
        "uri": ("san.uri", "spiffe://corp/robot"),
        "print": ("sha256Fingerprint", fingerprint),
    }
    mapping = {f"attribute.{name}": f"assertion.{path}" for name, (path, _) in expected.items()}
    machines = await Machines.start(
        attributeMapping=mapping | {"google.subject": "assertion.san.uri"},
        attributeCondition="assertion.san.uri.startsWith('spiffe://corp/')",
    )
    _, answer = await machines.exchange(shown)
    principal = await machines.outside.principal(answer["access_token"])
    assert principal.member == machines.outside.member("subject/spiffe://corp/robot")
    for name, (_, value) in expected.items():
        found = [one for one in principal.sets if f"/attribute.{name}/" in one]
        quoted = value.replace(" ", "%20")
        assert found == [machines.outside.member(f"attribute.{name}/{quoted}")]
    other = ROOT.issue(common_name("robot"), MOMENT, names=(x509.DNSName("a.corp.test"),))
    assert await machines.refuses(other) == "invalid_grant"


STRANGER = certificates.root(MOMENT)
"""Another authority that calls itself as ours does."""

WEAK = rsa.generate_private_key(65537, 1024)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4"), b"\x05\x00")
BAD = {
    "of an authority of the same name": STRANGER.issue(common_name("robot"), MOMENT),
    "signed by itself": certificates.issue(common_name("robot"), MOMENT),
    "over": ROOT.issue(common_name("robot"), MOMENT, begins=-2 * DAY, ends=-DAY),
    "not begun": ROOT.issue(common_name("robot"), MOMENT, begins=DAY, ends=2 * DAY),
    "for servers": ROOT.issue(common_name("robot"), MOMENT, purposes=(SERVER_AUTH,)),
    "not for signing": ROOT.issue(common_name("robot"), MOMENT, usage=False),
    "an authority": ROOT.issue(common_name("robot"), MOMENT, authority=True),
    "the anchor": ROOT,
    "of a short key": ROOT.issue(common_name("robot"), MOMENT, key=WEAK),
    "critical in ways unknown": ROOT.issue(common_name("robot"), MOMENT, more=(UNKNOWN,)),
    "without a name": ROOT.issue([(NameOID.ORGANIZATION_NAME, "Corp")], MOMENT),
    "of two names": ROOT.issue(common_name("robot") + common_name("admin"), MOMENT),
    "of a name in two lines": ROOT.issue(common_name("robot\nadmin"), MOMENT),
}


@pytest.mark.parametrize("bad", sorted(BAD))
async def test_a_certificate_that_makes_nobody(bad: str) -> None:
    machines = await Machines.start()
    assert await machines.refuses(BAD[bad], chain(BAD[bad])) == "invalid_grant"


async def test_a_certificate_ends_at_its_time() -> None:
    machines = await Machines.start()
    shown = ROOT.issue(common_name("robot"), MOMENT, ends=dt.timedelta(seconds=60))
    assert await machines.subject(shown)
    machines.outside.iam.cloud.clock.advance(61)
    assert await machines.refuses(shown) == "invalid_grant"


async def test_an_authority_may_not_sign_further_than_it_is_long() -> None:
    machines = await Machines.start()
    below = BETWEEN.issue(common_name("Below"), MOMENT, authority=True)
    shown = below.issue(common_name("robot"), MOMENT)
    assert await machines.refuses(shown, chain(shown, below, BETWEEN)) == "invalid_grant"
    signed_by_leaf = WORKLOAD.issue(common_name("robot"), MOMENT)
    token = chain(signed_by_leaf, WORKLOAD, BETWEEN)
    assert await machines.refuses(signed_by_leaf, token) == "invalid_grant"


async def test_a_path_has_so_many_certificates() -> None:
    machines, above = await Machines.start(), [ROOT]
    for level in range(DEPTH_MAX):
        name = common_name(f"Level {level}")
        above.append(above[-1].issue(name, MOMENT, authority=True))
    shown = above[-1].issue(common_name("robot"), MOMENT)
    assert await machines.subject(shown, chain(shown, *reversed(above[1:])))
    above.append(above[-1].issue(common_name("More"), MOMENT, authority=True))
    shown = above[-1].issue(common_name("robot"), MOMENT)
    assert await machines.refuses(shown, chain(shown, *reversed(above[1:]))) == "invalid_grant"


async def test_where_names_are_constrained_only_names_that_were_judged_count() -> None:
    held = ROOT.issue(
        common_name("Team"), MOMENT, authority=True, constraints=(x509.DNSName("team.test"),)
    )
    inside, outside = x509.DNSName("a.team.test"), x509.DNSName("a.other.test")
    good = held.issue(common_name("admin"), MOMENT, names=(inside, SPIFFE))
    bad = held.issue(common_name("admin"), MOMENT, names=(outside,))
    bare = held.issue(common_name("admin"), MOMENT)
    dns = await Machines.start(attributeMapping={"google.subject": "assertion.san.dns"})
    assert await dns.subject(good, chain(good, held))
    assert await dns.refuses(bad, chain(bad, held)) == "invalid_grant"
    for path in ("subject.dn.cn", "san.uri"):
        machines = await Machines.start(attributeMapping={"google.subject": f"assertion.{path}"})
        for shown in (good, bad, bare):
            assert await machines.refuses(shown, chain(shown, held)) == "invalid_grant"


async def test_a_constraint_that_cannot_be_judged_refuses() -> None:
    machines = await Machines.start()
    named = x509.DirectoryName(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "robot")]))
    held = ROOT.issue(common_name("Team"), MOMENT, authority=True, constraints=(named,))
    shown = held.issue(common_name("robot"), MOMENT)
    assert await machines.refuses(shown, chain(shown, held)) == "invalid_grant"


async def test_the_token_alone_proves_nothing() -> None:
    machines = await Machines.start()
    assert await machines.refuses(None, chain(WORKLOAD, BETWEEN)) == "invalid_request"
    own = STRANGER.issue(common_name("robot"), MOMENT)
    assert await machines.refuses(own, chain(WORKLOAD, BETWEEN)) == "invalid_grant"
    same_key = STRANGER.issue(common_name("robot"), MOMENT, key=WORKLOAD.key)
    assert await machines.refuses(same_key, chain(WORKLOAD, BETWEEN)) == "invalid_grant"


LOOP = [certificates.root(MOMENT, "Loop", key=STRANGER.key) for _ in range(CHAIN_MAX - 1)]
LOOPED = LOOP[0].issue(common_name("robot"), MOMENT)


@pytest.mark.parametrize(
    "token",
    [
        *("[]", "{}", "[1]", '"x"', "[" * 5000, '["AA=="]', '["!"]', "null", "a.b.c"),
        json.dumps([WORKLOAD.base64] * (CHAIN_MAX + 1)),
        json.dumps([WORKLOAD.base64, "A" * 12_000]),
        chain(LOOPED, *LOOP),
    ],
    ids=range(12),
)
async def test_subject_tokens_that_are_no_chain(token: str) -> None:
    machines = await Machines.start()
    shown = LOOPED if LOOPED.base64 in token else WORKLOAD
    assert await machines.refuses(shown, token) == "invalid_grant"


_DERS = [one.certificate.public_bytes(Encoding.DER) for one in (WORKLOAD, BETWEEN)]


@given(st.sampled_from((0, 1)), st.integers(0, 10_000), st.integers(1, 255))
def test_a_certificate_that_was_tampered_with_is_refused_whatever_breaks(
    which: int, where: int, flipped: int
) -> None:
    ders = [bytearray(der) for der in _DERS]
    ders[which][where % len(ders[which])] ^= flipped
    token = json.dumps([b64encode(der).decode() for der in ders])
    shown = b64encode(ders[0]).decode()
    pem = f"-----BEGIN CERTIFICATE-----\n{shown}\n-----END CERTIFICATE-----\n".encode()
    with pytest.raises(Refused):
        certificate.claims(TrustStore((ROOT.pem,)), pem, token, MOMENT)


async def test_each_kind_of_provider_takes_its_own_kind_of_credential() -> None:
    machines = await Machines.start()
    id_token = {"subject_token_type": "urn:ietf:params:oauth:token-type:jwt"}
    token = machines.outside.id_token()
    assert await machines.refuses(WORKLOAD, token, **id_token) == "invalid_request"
    people = Machines(await Outside.start())
    assert await people.refuses(WORKLOAD, chain(WORKLOAD, BETWEEN)) == "invalid_request"


async def test_a_path_is_found_in_few_steps_whatever_is_sent_and_known() -> None:
    key = ec.generate_private_key(ec.SECP521R1())
    loops = [certificates.root(MOMENT, "Loop", key=key) for _ in range(3)]
    settings = store(ROOT, *loops[:1], between=(loops[1],))
    machines = await Machines.start(x509=settings)
    stranger = certificates.root(MOMENT, "Loop", key=key)
    shown = stranger.issue(common_name("robot"), MOMENT, ends=2 * DAY)
    assert await machines.subject(shown, chain(shown, stranger))
    other = certificates.root(MOMENT, "Loop", key=ec.generate_private_key(ec.SECP521R1()))
    shown = other.issue(common_name("robot"), MOMENT)
    began = time.process_time()
    for _ in range(20):
        assert await machines.refuses(shown, chain(shown, other)) == "invalid_grant"
    assert time.process_time() - began < 3.0


async def test_a_bound_token_is_refused_rather_than_given_unbound() -> None:
    machines = await Machines.start()
    options = json.dumps({"bindCertFingerprint": "x"})
    token = chain(WORKLOAD, BETWEEN)
    assert await machines.refuses(WORKLOAD, token, options=options) == "invalid_request"


async def test_an_anchor_that_is_taken_away_ends_what_it_vouched_for() -> None:
    machines = await Machines.start()
    name = f"{machines.outside.name}/providers/idp-1"
    other = certificates.root(MOMENT, "Other")
    token = chain(WORKLOAD, BETWEEN)
    assert await machines.subject(WORKLOAD, token)
    answer = await machines.outside.iam.ask(
        f"{POOLS}.providers.patch",
        name,
        {"x509": store(other, between=(BETWEEN,))},
        query={"updateMask": "x509.trustStore.trustAnchors"},
    )
    assert answer["response"]["x509"]["trustStore"] == {
        "trustAnchors": [{"pemCertificate": other.pem}]
    }
    assert await machines.refuses(WORKLOAD, token) == "invalid_grant"


LEAF_PEM = {"pemCertificate": WORKLOAD.pem}
ROOT_PEM = {"pemCertificate": ROOT.pem}


@pytest.mark.parametrize(
    "settings",
    [
        {"x509": {"trustStore": {"trustAnchors": []}}},
        {"x509": {"trustStore": {"trustAnchors": [LEAF_PEM]}}},
        {"x509": {"trustStore": {"trustAnchors": [{"pemCertificate": "x"}]}}},
        {"x509": {"trustStore": {"trustAnchors": [{"pemCertificate": ROOT.pem * 2}]}}},
        {"x509": {"trustStore": {"trustAnchors": [{"pemCertificate": "x" * 17_000}]}}},
        {"x509": {"trustStore": {"trustAnchors": [ROOT_PEM | {"more": 1}]}}},
        {"x509": {"trustStore": {"trustAnchors": [ROOT_PEM] * 11}}},
        {"x509": {"trustStore": {"trustAnchors": [ROOT_PEM], "intermediateCas": [ROOT_PEM] * 11}}},
        {"x509": {"trustStore": {"trustAnchors": [ROOT_PEM], "trustDefaultSharedCa": True}}},
        {"x509": {"trustStore": {"trustAnchors": [ROOT_PEM], "more": 1}}},
        {"x509": store(*LOOP[:3])},
        {"x509": store(ROOT, between=tuple(LOOP[:2]))},
        {"x509": store(ROOT), "aws": {"accountId": "123456789012"}},
        {"aws": {"accountId": "12345678901"}},
        {"aws": {"accountId": "x" * 12}},
        {"aws": {"accountId": "123456789012", "stsUri": ["https://sts.example.test"]}},
    ],
)
async def test_providers_that_may_not_be(settings: dict[str, Any]) -> None:
    outside = await Outside.start()
    with pytest.raises(CloudError) as caught:
        await outside.create_provider("idp-9", oidc=None, **settings)
    assert caught.value.code is Code.INVALID_ARGUMENT


async def test_a_provider_stays_of_its_kind() -> None:
    machines = await Machines.start()
    name = f"{machines.outside.name}/providers/idp-1"
    with pytest.raises(CloudError, match="of the kind x509") as caught:
        await machines.outside.iam.ask(
            f"{POOLS}.providers.patch",
            name,
            {"aws": {"accountId": "123456789012"}},
            query={"updateMask": "aws"},
        )
    assert caught.value.code is Code.INVALID_ARGUMENT
