"""An import job: a key that customers wrap their own key material under, for three days.

Source: ImportJob of google.cloud.kms.v1.
"""

from __future__ import annotations

import msgspec

from rempart.core.clock import Micros
from rempart.core.document import Document, only, text
from rempart.core.errors import CloudError, Code, invalid, required, unsupported
from rempart.core.policy import Policy
from rempart.services.kms.model.choices import HSM, SOFTWARE, Choices
from rempart.trust.custody.software.import_job import IMPORT_METHODS, ImportMethod

LIFE_SECONDS = 3 * 86_400
_OUTPUT = ("name", "createTime", "generateTime", "expireTime", "state", "publicKey")


class ImportJob(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An import job; `material` is its wrapped private key, `public_key` PEM."""

    created: int
    method: str
    protection: str
    material: bytes
    public_key: str
    policy: Policy

    @property
    def expires(self) -> int:
        """Return when nothing can be imported by it any more."""
        return self.created + LIFE_SECONDS * 1_000_000


def asked_level(document: Document, choices: Choices) -> str:
    """Return the protection level of the keys that a new job is for."""
    level = choices.protection(text(document, "protectionLevel"), "protectionLevel")
    if level not in {SOFTWARE, HSM}:
        raise invalid(f"There are no import jobs for {level} keys.", field="protectionLevel")
    return level


def asked_method(document: Document) -> ImportMethod:
    """Return the import method that a request asks for."""
    only(document, *_OUTPUT, "importMethod", "protectionLevel")
    name = text(document, "importMethod")
    if not name:
        raise required("importMethod is required.", field="importMethod")
    method = IMPORT_METHODS.get(name)
    if method is None:
        raise invalid(f"{name[:80]} is not an import method.", field="importMethod")
    if method.unavailable:
        what = f"The import method {name}"
        raise unsupported(what, field="importMethod", because=method.unavailable)
    return method


def require_active(job: ImportJob, name: str, now: Micros) -> None:
    """Raise unless the job may still be imported by."""
    if job.expires <= now:
        raise CloudError(
            Code.FAILED_PRECONDITION,
            f"{name} is not active, current state is: EXPIRED. Create another import job.",
            reason="IMPORT_JOB_EXPIRED",
        )
