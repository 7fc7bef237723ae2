"""Import jobs, and the versions that come by them.

Source: the ImportJob methods and ImportCryptoKeyVersion of
google.cloud.kms.v1.KeyManagementService.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.document import octets, only, text
from rempart.core.errors import CloudError, Code, invalid, required
from rempart.core.grant import Grant
from rempart.services.kms.api import versions
from rempart.services.kms.api.asked import name_of
from rempart.services.kms.api.key_rings import listed
from rempart.services.kms.api.use import taken
from rempart.services.kms.kinds import IMPORT_JOB
from rempart.services.kms.material import Fresh
from rempart.services.kms.model import names
from rempart.services.kms.model.import_job import (
    ImportJob,
    asked_level,
    asked_method,
    require_active,
)
from rempart.services.kms.model.listing import page
from rempart.services.kms.model.names import CryptoKeyName, ImportJobName, VersionName
from rempart.services.kms.model.version import fingerprint, reimported
from rempart.services.kms.resources import Json, import_job_json
from rempart.services.kms.store import KmsStore
from rempart.trust.custody.errors import BadMaterial, Tampered
from rempart.trust.custody.kind import Found
from rempart.trust.custody.software.algorithms import Algorithm, Purpose
from rempart.trust.custody.software.import_job import (
    IMPORT_METHODS,
    WrappingKey,
    generate_wrapping_key,
)
from rempart.trust.custody.software.importing import check_import

WRAPPED_BYTES_MAX = 16 * 1024
_USE = "cloudkms.importJobs.useToImport"
_WRAPPED = ("wrappedKey", "rsaAesWrappedKey")


@dataclass(frozen=True, slots=True)
class JobKey:
    """The key pair of a job that is being made."""

    private: bytes = field(repr=False)
    public_pem: str


@dataclass(frozen=True, slots=True)
class Imported:
    """Material that came by a job, unwrapped and checked."""

    job: ImportJobName
    fresh: Fresh
    fingerprint: bytes


async def stage(grant: Grant, call: Call, store: KmsStore) -> JobKey:
    """Generate the key pair of a new job, on a thread."""
    method = asked_method(call.document)
    asked_level(call.document, store.setup.choices)

    def pair() -> JobKey:
        private = generate_wrapping_key(method)
        return JobKey(private, WrappingKey(method, private).public_key().pem)

    return await asyncio.to_thread(pair)


async def create(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Create an import job, good for three days."""
    above = names.key_ring(name_of(call))
    name = ImportJobName(above, names.new_id(call.query.get("importJobId", ""), "importJobId"))
    pair: JobKey = store.session.staged
    job = ImportJob(
        created=store.now,
        method=asked_method(call.document).name,
        protection=asked_level(call.document, store.setup.choices),
        material=store.setup.materials.wrap(name, pair.private),
        public_key=pair.public_pem,
        policy=store.new_policy(),
    )
    await store.create_import_job(grant, name, job)
    return Reply(document=import_job_json(name, job, store.now), audit={"importJob": str(name)})


async def get(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Return an import job."""
    if call.query.get("publicKeyFormat", "PEM") not in {"PEM", "PUBLIC_KEY_FORMAT_UNSPECIFIED"}:
        raise invalid("The public key of an RSA import job is PEM.", field="publicKeyFormat")
    name = names.import_job(name_of(call))
    job = await store.import_job(grant, name)
    return Reply(document=import_job_json(name, job, store.now))


async def list_(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """List the import jobs of a key ring."""
    above = names.key_ring(name_of(call))
    ring, asked = await store.key_ring(grant, above), page(call.query)

    async def show(found: Found[ImportJob]) -> Json:
        return import_job_json(ImportJobName(above, found.id), found.value, store.now)

    shown, following = await store.listed(grant, IMPORT_JOB, above.parts, asked, show)
    return listed("importJobs", shown, following, 0 if asked.filtered else ring.import_jobs)


async def stage_import(grant: Grant, call: Call, store: KmsStore) -> Imported:
    """Unwrap the material and check that it is a key of the algorithm, on a thread."""
    document = call.document
    only(document, "parent", "cryptoKeyVersion", "algorithm", "importJob", *_WRAPPED)
    name = names.crypto_key(name_of(call))
    key = await store.crypto_key(grant, name)
    purpose = Purpose(key.purpose)
    algorithm = store.setup.choices.algorithm(text(document, "algorithm"), purpose, key.protection)
    job = names.import_job(text(document, "importJob"))
    if job.parent != name.parent:
        raise invalid(f"The import job must be one of {name.parent}.", field="importJob")
    await store.session.authority.require(_USE, await store.job_resource(job))
    found = await store.import_job(grant, job)
    require_active(found, str(job), store.now)
    if found.protection != key.protection:
        message = f"{job} is for {found.protection} keys, and {name} is {key.protection}."
        raise invalid(message, field="importJob")
    wrapping = WrappingKey(
        IMPORT_METHODS[found.method], store.setup.materials.private_key(job, found)
    )
    material = await asyncio.to_thread(_opened, wrapping, algorithm, _wrapped(call))
    at = _into(call, name) or name.version(key.versions + 1)
    made_of = replace(key, algorithm=algorithm.name)
    fresh = await taken(grant, call, store, at, made_of, material)
    return Imported(job, fresh, fingerprint(str(name), material))


async def import_version(grant: Grant, call: Call, store: KmsStore) -> Reply:
    """Add a version whose material the customer wrapped under an import job's public key.

    Where a destroyed version is named that came this way, its material comes back instead.
    """
    name = names.crypto_key(name_of(call))
    key, into = await store.crypto_key(grant, name), _into(call, name)
    imported: Imported = store.session.staged
    at = into or name.version(key.versions + 1)
    made = store.setup.materials.version(at, imported.fresh, store.now)
    version = replace(
        made,
        imported=made.created,
        import_job=str(imported.job),
        fingerprint=imported.fingerprint,
    )
    if into is None:
        store.put_crypto_key(grant, name, store.add_version(grant, name, key, version))
        return versions.reply(at, version)
    old = await store.version(grant, into)
    version = reimported(old, version, str(into))
    store.replace_version(grant, into, old, version)
    return versions.reply(into, version)


def _into(call: Call, key: CryptoKeyName) -> VersionName | None:
    """Return the version that the import names, if it names one."""
    named = text(call.document, "cryptoKeyVersion")
    if not named:
        return None
    version = names.version(named)
    if version.parent != key:
        raise invalid(f"{named[:300]} is not a version of {key}.", field="cryptoKeyVersion")
    return version


def _wrapped(call: Call) -> bytes:
    given = [field for field in _WRAPPED if call.document.get(field)]
    if not given:
        raise required("wrappedKey is required.", field="wrappedKey")
    wrapped = octets(call.document, given[0])
    if len(given) > 1 or len(wrapped) > WRAPPED_BYTES_MAX:
        message = f"Send one wrapped key of at most {WRAPPED_BYTES_MAX} bytes."
        raise invalid(message, field=given[-1])
    return wrapped


def _opened(wrapping: WrappingKey, algorithm: Algorithm, wrapped: bytes) -> bytes:
    """Return the material; what does not unwrap and what is no key are told apart, as at Google."""
    try:
        return check_import(algorithm, wrapping.unwrap(wrapped))
    except Tampered as problem:
        raise CloudError(
            Code.INVALID_ARGUMENT,
            "The wrapped key does not open under this import job by its import method.",
            reason="UNWRAPPING_FAILED",
            field="wrappedKey",
        ) from problem
    except BadMaterial as problem:
        raise invalid(f"The wrapped key is not usable: {problem}", field="wrappedKey") from problem
