from __future__ import annotations

import datetime as dt
import ssl
import stat
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from rempart.core.clock import Micros
from rempart.trust.custody import pki

NOW = dt.datetime(2027, 1, 1, tzinfo=dt.UTC)
DOMAIN = "apis.rempart.test"


def micros(moment: dt.datetime) -> Micros:
    return Micros(int(moment.timestamp() * 1_000_000))


def ensure(
    data: Path, moment: dt.datetime = NOW, regions: tuple[str, ...] = ("u-local1",)
) -> pki.Outcome:
    return pki.ensure(data, DOMAIN, regions, micros(moment))


def load(path: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(path.read_bytes())


def verify(data: Path, host: str, leaf: x509.Certificate | None = None) -> None:
    store = Store([load(pki.files(data).authority)])
    verifier = PolicyBuilder().store(store).time(NOW).build_server_verifier(x509.DNSName(host))
    verifier.verify(leaf or load(pki.files(data).certificate), [])


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "apis.rempart.test",
        "storage.apis.rempart.test",
        "bucket.storage.apis.rempart.test",
        "storage.u-local1.rep.apis.rempart.test",
    ],
)
def test_the_certificate_holds_for_every_name_of_the_universe(tmp_path: Path, host: str) -> None:
    assert ensure(tmp_path) is pki.Outcome.CREATED
    verify(tmp_path, host)


def test_the_certificate_does_not_hold_for_another_name(tmp_path: Path) -> None:
    ensure(tmp_path)
    with pytest.raises(VerificationError):
        verify(tmp_path, "storage.googleapis.com")


def test_the_authority_cannot_vouch_for_a_name_outside_the_universe(tmp_path: Path) -> None:
    ensure(tmp_path)
    paths = pki.files(tmp_path)
    signer = serialization.load_pem_private_key(paths.authority_key.read_bytes(), None)
    assert isinstance(signer, ec.EllipticCurvePrivateKey)
    good = load(paths.certificate)
    builder = x509.CertificateBuilder(
        issuer_name=good.issuer,
        subject_name=good.subject,
        public_key=good.public_key(),
        serial_number=7,
        not_valid_before=good.not_valid_before_utc,
        not_valid_after=good.not_valid_after_utc,
    )
    for extension in good.extensions:
        value = extension.value
        if isinstance(value, x509.SubjectAlternativeName):
            value = x509.SubjectAlternativeName([x509.DNSName("bank.example")])
        builder = builder.add_extension(value, extension.critical)
    with pytest.raises(VerificationError):
        verify(tmp_path, "bank.example", builder.sign(signer, hashes.SHA384()))


def test_the_pair_loads_into_a_server_and_the_keys_are_private(tmp_path: Path) -> None:
    ensure(tmp_path)
    paths = pki.files(tmp_path)
    ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(paths.certificate, paths.key)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (paths.key, paths.authority_key)}
    assert modes == {0o600}


def test_the_certificate_lasts_no_longer_than_clients_accept(tmp_path: Path) -> None:
    ensure(tmp_path)
    leaf = load(pki.files(tmp_path).certificate)
    assert leaf.not_valid_after_utc - leaf.not_valid_before_utc <= dt.timedelta(days=397)


@pytest.mark.parametrize(
    ("days", "outcome"),
    [(0, pki.Outcome.KEPT), (366, pki.Outcome.KEPT), (367, pki.Outcome.RENEWED)],
)
def test_it_is_renewed_when_fewer_than_thirty_days_are_left(
    tmp_path: Path, days: int, outcome: pki.Outcome
) -> None:
    ensure(tmp_path)
    authority = pki.files(tmp_path).authority.read_bytes()
    assert ensure(tmp_path, NOW + dt.timedelta(days=days)) is outcome
    assert pki.files(tmp_path).authority.read_bytes() == authority


def test_it_is_renewed_when_a_region_is_added(tmp_path: Path) -> None:
    ensure(tmp_path)
    assert ensure(tmp_path, regions=("u-local1", "u-local2")) is pki.Outcome.RENEWED
    verify(tmp_path, "storage.u-local2.rep.apis.rempart.test")


def test_a_certificate_lost_in_a_crash_is_made_again(tmp_path: Path) -> None:
    ensure(tmp_path)
    pki.files(tmp_path).certificate.unlink()
    assert ensure(tmp_path) is pki.Outcome.RENEWED
    verify(tmp_path, "localhost")


def test_an_authority_that_lost_its_key_is_refused_and_not_replaced(tmp_path: Path) -> None:
    ensure(tmp_path)
    paths = pki.files(tmp_path)
    paths.authority_key.unlink()
    paths.certificate.unlink()
    before = paths.authority.read_bytes()
    with pytest.raises(pki.CertificateProblem, match="backup"):
        ensure(tmp_path)
    assert paths.authority.read_bytes() == before


def test_a_key_of_another_authority_is_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        ensure(tmp_path / name)
    one, two = pki.files(tmp_path / "one"), pki.files(tmp_path / "two")
    one.authority_key.write_bytes(two.authority_key.read_bytes())
    one.certificate.unlink()
    with pytest.raises(pki.CertificateProblem, match="one backup"):
        ensure(tmp_path / "one")


def test_an_ended_authority_is_named(tmp_path: Path) -> None:
    ensure(tmp_path)
    with pytest.raises(pki.CertificateProblem, match="ended on"):
        ensure(tmp_path, NOW + dt.timedelta(days=3700))


def test_the_authority_is_limited_in_host_names_alone_because_grpc_takes_no_other_limit(
    tmp_path: Path,
) -> None:
    ensure(tmp_path)
    authority = load(pki.files(tmp_path).authority)
    limits = authority.extensions.get_extension_for_class(x509.NameConstraints)
    permitted = limits.value.permitted_subtrees or []
    assert limits.critical
    assert {type(name) for name in permitted} == {x509.DNSName}
    assert limits.value.excluded_subtrees is None
