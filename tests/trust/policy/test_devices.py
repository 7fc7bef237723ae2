"""Certificates of devices in access levels: what is believed of which, and what never holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa

from rempart.core.call import Peer
from rempart.core.certification_path import fingerprint
from rempart.core.clock import Micros
from rempart.core.errors import CloudError
from rempart.services.accesscontextmanager.model.levels import check_level
from rempart.trust.policy.perimeters.devices import (
    AUTHORITIES_MAX,
    Authorities,
    NoAuthorities,
    attributes,
    read_authorities,
)
from rempart.trust.policy.perimeters.documents import AccessLevel
from rempart.trust.policy.perimeters.levels import holds, state
from rempart.trust.policy.perimeters.origin import Origin
from support.certificates import DAY, SERVER_AUTH, Issued, common_name, root
from support.devices import BETWEEN, IS_VALID, LAPTOP, NAMES, NOW, ROOT, TEMPLATE
from support.worlds import START
from trust.policy.test_access_levels import ME, NAME, policy

KNOWN = Authorities((ROOT.pem,), (BETWEEN.pem,))
MATCHES = "c.cert_fingerprint == origin.clientCertFingerprint()"
BINDING = "certificateBindingState(origin, device) == CertificateBindingState"


LEVELS: dict[str, Any] = {"laptop": IS_VALID, "device": IS_VALID}


def met(
    said: str, shown: Issued | None, authorities: Authorities | None = KNOWN, **more: Any
) -> bool:
    """Tell whether a call with this certificate has a custom level."""
    pem = shown.pem.encode() if shown else b""
    origin = Origin(Peer("192.0.2.7", pem), ME, Micros(START), authorities=authorities)
    return holds(policy(asked=said, **more), f"{NAME}/asked", origin)


def known(shown: Issued, authorities: Authorities | None = KNOWN) -> dict[str, Any]:
    return dict(attributes(shown.pem.encode(), authorities, Micros(START)))


def of(attribute: str, value: str) -> str:
    return f'device.certificates.exists(c, c.is_valid && c.{attribute} == "{value}")'


def test_a_certificate_tells_what_google_names() -> None:
    assert known(LAPTOP) == {
        "is_valid": True,
        "cert_fingerprint": fingerprint(LAPTOP.certificate),
        "root_ca_fingerprint": fingerprint(ROOT.certificate),
        "issuer": "CN=Laptops",
        "subject": r"EMAILADDRESS=it@example.test, CN=laptop-7, O=Mairie\, Ville, C=FR",
        "serial_number": str(LAPTOP.certificate.serial_number),
    }


@pytest.mark.parametrize(
    "said",
    [
        IS_VALID,
        "device.certificates.exists(cert, cert.is_valid == true)",
        "device.certificates.all(one, one.is_valid)",
        "device.certificates.exists_one(one, one.is_valid)",
        of("root_ca_fingerprint", fingerprint(ROOT.certificate)),
        of("cert_fingerprint", fingerprint(LAPTOP.certificate)),
        of("serial_number", str(LAPTOP.certificate.serial_number)),
        of("issuer", "CN=Laptops"),
        f"device.certificates.exists(c, c.is_valid && {MATCHES})",
        f'{IS_VALID} && inIpRange(origin.ip, ["192.0.2.0/24"])',
        "levels.laptop",
        "levels.device",
    ],
)
def test_a_level_is_held_by_the_device_and_by_nobody_without_it(said: str) -> None:
    others = policy(**LEVELS)
    check_level(others, "asked", msgspec.convert(_custom(said), AccessLevel))
    assert met(said, LAPTOP, **LEVELS)
    for shown in (None, BETWEEN.issue(NAMES, NOW, begins=-2 * DAY, ends=-DAY)):
        assert not met(said, shown, **LEVELS)
        # Of what came with no call, the contrary is not known either.
        assert met(f"!({said})", shown, **LEVELS) is (shown is not None)
    for authorities in (None, Authorities()):
        assert not met(said, LAPTOP, authorities, **LEVELS)


@pytest.mark.parametrize(
    "shown",
    [
        BETWEEN.issue(NAMES, NOW, begins=-2 * DAY, ends=-DAY),
        BETWEEN.issue(NAMES, NOW, begins=DAY, ends=2 * DAY),
        BETWEEN.issue(NAMES, NOW, purposes=(SERVER_AUTH,)),
        BETWEEN.issue(NAMES, NOW, usage=False),
        BETWEEN.issue(NAMES, NOW, key=rsa.generate_private_key(65537, 1024)),
        root(NOW, "Devices").issue(NAMES, NOW),
        root(NOW, "Laptops").issue(NAMES, NOW),
    ],
    ids=["expired", "not yet", "a server's", "not for signing", "short", "stranger", "namesake"],
)
def test_what_a_certificate_says_of_itself_is_not_told_unless_it_is_valid(shown: Issued) -> None:
    own = {"cert_fingerprint": fingerprint(shown.certificate)}
    assert known(shown) == own | {"is_valid": False}
    subject = r'device.certificates.exists(c, c.subject.startsWith("EMAILADDRESS="))'
    assert met(subject, LAPTOP)
    assert not met(subject, shown)
    assert not met(f"!{subject}", shown)


def test_without_authorities_nobody_knows_what_is_valid_but_a_key_is_a_key() -> None:
    assert known(LAPTOP, None).keys() == {"cert_fingerprint"}
    assert not met(IS_VALID, LAPTOP, None)
    assert not met(f"!{IS_VALID}", LAPTOP, None)
    mine = f'origin.clientCertFingerprint() == "{fingerprint(LAPTOP.certificate)}"'
    assert met(mine, LAPTOP, None)
    assert not met(mine, ROOT, None)
    assert not met(f"!({mine})", None, None)


def test_a_subject_is_not_told_below_an_authority_that_is_held_to_names() -> None:
    held = ROOT.issue(
        common_name("Held"), NOW, authority=True, constraints=(x509.DNSName("example.test"),)
    )
    told = known(held.issue(NAMES, NOW), Authorities((ROOT.pem,), (held.pem,)))
    assert told["is_valid"]
    assert "subject" not in told


def test_a_certificate_that_cannot_be_read_is_none() -> None:
    assert attributes(b"-----BEGIN CERTIFICATE-----", KNOWN, Micros(START)) == {}
    origin = Origin(Peer("192.0.2.7", b"nonsense"), ME, Micros(START), authorities=KNOWN)
    assert state(policy(asked=f"!{IS_VALID}"), f"{NAME}/asked", origin) is None


def test_a_template_is_told_by_its_id() -> None:
    said = known(BETWEEN.issue(NAMES, NOW, template=TEMPLATE))
    assert said["template_id"] == "1.3.6.1.4.1.311.21.8.7"


def _custom(said: str) -> dict[str, Any]:
    return {"custom": {"expr": {"expression": said}}}


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("device.os_type == OsType.DESKTOP_MAC", "device.os_type"),
        ('device.versionAtLeast("10.0")', "device.versionAtLeast"),
        ("size(device.certificates) == 1", "device.certificates"),
        ("device['certificates'].exists(c, c.is_valid)", "device"),
        ("device.certificates.exists(c, c.owner == 'me')", "c.owner"),
        (f"{BINDING}.CERT_MATCHES_EXISTING_DEVICE", "certificateBindingState"),
        ('certIsPkiAttested(origin, ["x"]) == true', "certIsPkiAttested"),
    ],
)
def test_what_is_not_known_of_devices_is_refused_by_name(said: str, named: str) -> None:
    with pytest.raises(CloudError) as refused:
        check_level(policy(), "asked", msgspec.convert(_custom(said), AccessLevel))
    assert refused.value.message.startswith(f"{named} is not offered by this universe: ")
    assert refused.value.field == "custom.expr.expression"


@pytest.mark.parametrize(
    "said",
    [
        "[1, 2].exists(x, x > 1)",
        "device.certificates.map(c, c.is_valid).exists(x, x)",
        '{"device": {"certificates": [1]}}.device.certificates.exists(x, x == 1)',
        '{"device": {"certificates": [1]}}\n. //\ndevice.certificates.exists(x, x == 1)',
        'device.certificates.exists(c, {"a": 1}.exists(k, true))',
        "device.certificates.exists(c, [1].exists(x, c.is_valid))",
        "origin.clientCertFingerprint(",
        "cert.is_valid",
    ],
)
def test_macros_go_over_a_devices_certificates_alone(said: str) -> None:
    with pytest.raises(CloudError, match=r"Error compiling|not offered"):
        check_level(policy(), "asked", msgspec.convert(_custom(said), AccessLevel))


def write(file: Path, *authorities: Issued | str) -> Path:
    file.write_text("".join(one if isinstance(one, str) else one.pem for one in authorities))
    return file


def test_authorities_that_signed_themselves_are_anchors(tmp_path: Path) -> None:
    file = tmp_path / "device-authorities.pem"
    assert read_authorities(write(file, BETWEEN, ROOT)) == KNOWN
    assert read_authorities(write(file)) == Authorities()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ((ROOT, LAPTOP), "certificate 2 is no authority"),
        ((ROOT.issue(common_name("Devices"), NOW, authority=True),), "did not sign itself"),
        (("not PEM",), "not certificates in PEM"),
        ((ROOT,) * (AUTHORITIES_MAX + 1), "more than 100"),
    ],
)
def test_a_file_with_anything_else_is_refused(
    tmp_path: Path, content: tuple[Issued | str, ...], said: str
) -> None:
    with pytest.raises(NoAuthorities, match=said):
        read_authorities(write(tmp_path / "device-authorities.pem", *content))
