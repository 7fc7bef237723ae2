"""Subjects of workforce pools: delete, undelete, end every session.

Source: iam.locations.workforcePools.subjects of IAM v1. A subject needs not have signed in before.
"""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.grant import Grant
from rempart.services.iam.workforce.api.asked import name_of
from rempart.services.iam.workforce.model.pool import refuse_if_deleted, refuse_unless_deleted
from rempart.services.iam.workforce.store import WorkforceStore
from rempart.services.iam.workload_identity.operations import done
from rempart.trust.identity.workforce import names
from rempart.trust.identity.workforce.documents import Subject, gone
from rempart.trust.identity.workforce.names import SubjectName

_EMPTY = "google.protobuf.Empty"
_NOUN = "WorkforcePoolSubject"


async def delete(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """Delete a subject: it gets in no more, and what it held ends now and for ever."""
    name, old = await _found(grant, call, store)
    refuse_if_deleted(old.deleted, _NOUN)
    return await _marked(grant, store, name, Subject(deleted=store.now, revoked=store.now))


async def undelete(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """Let a deleted subject sign in again, within 30 days of its deletion."""
    name, old = await _found(grant, call, store)
    refuse_unless_deleted(0 if gone(old.deleted, store.now) else old.deleted, _NOUN)
    return await _marked(grant, store, name, replace(old, deleted=0))


async def revoke_sessions(grant: Grant, call: Call, store: WorkforceStore) -> Reply:
    """End every session of a subject, in browsers and programs, and every token of them."""
    name, old = await _found(grant, call, store)
    return await _marked(grant, store, name, replace(old, revoked=store.now))


async def _found(grant: Grant, call: Call, store: WorkforceStore) -> tuple[SubjectName, Subject]:
    name = names.subject(name_of(call))
    await store.pool(grant, name.pool)
    return name, await store.subject(grant, name)


async def _marked(
    grant: Grant, store: WorkforceStore, name: SubjectName, subject: Subject
) -> Reply:
    store.put_subject(grant, name, subject)
    reply = await done(grant, store, str(name.pool), str(name), _EMPTY, {})
    return replace(reply, audit={"workforcePoolSubject": str(name)})
