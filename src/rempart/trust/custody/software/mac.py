"""MAC: HMAC with a key as long as its digest (FIPS 198-1); codes are not shortened."""

from __future__ import annotations

from cryptography.hazmat.primitives.constant_time import bytes_eq
from cryptography.hazmat.primitives.hashes import HashAlgorithm
from cryptography.hazmat.primitives.hmac import HMAC
from typing_extensions import override

from rempart.trust.custody.software.key import DATA_BYTES_MAX, Key, check_size


class MACKey(Key):
    """A key of HMAC."""

    __slots__ = ("_digest", "_key")

    def __init__(self, key: bytes, digest: HashAlgorithm) -> None:
        self._key = key
        self._digest = digest

    @override
    def mac_sign(self, data: bytes) -> bytes:
        check_size("data", data, DATA_BYTES_MAX)
        code = HMAC(self._key, self._digest)
        code.update(data)
        return code.finalize()

    @override
    def mac_verify(self, data: bytes, mac: bytes) -> bool:
        return bytes_eq(self.mac_sign(data), mac)
