"""Devices with certificates, and a universe's way to judge them."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

from cryptography import x509
from cryptography.x509.oid import NameOID

from rempart.trust.policy.perimeters.devices import read_authorities
from rempart.trust.policy.perimeters.origin import Origins
from rempart.trust.policy.watched import Watched
from support.certificates import common_name, root
from support.worlds import START

NOW = dt.datetime.fromtimestamp(START / 1_000_000, dt.UTC)
LONG = dt.timedelta(days=3650)
ROOT = root(NOW, "Devices", begins=-LONG, ends=LONG)
BETWEEN = ROOT.issue(
    common_name("Laptops"), NOW, authority=True, path_length=0, begins=-LONG, ends=LONG
)
NAMES = [
    (NameOID.COUNTRY_NAME, "FR"),
    (NameOID.ORGANIZATION_NAME, "Mairie, Ville"),
    (NameOID.COMMON_NAME, "laptop-7"),
    (NameOID.EMAIL_ADDRESS, "it@example.test"),
]
TEMPLATE = x509.MSCertificateTemplate(x509.ObjectIdentifier("1.3.6.1.4.1.311.21.8.7"), 100, 1)
LAPTOP = BETWEEN.issue(NAMES, NOW, begins=-LONG, ends=LONG)
STRANGER = root(NOW, "Laptops").issue(NAMES, NOW, begins=-LONG, ends=LONG)
IS_VALID = "device.certificates.exists(cert, cert.is_valid)"


def trusting(folder: Path) -> Origins:
    """Return who says where calls come from, with the authorities of these devices."""
    file = folder / "device-authorities.pem"
    file.write_text(ROOT.pem + BETWEEN.pem)
    return Origins(authorities=Watched(file, read_authorities, "the authorities of devices"))
