"""Access tokens, ID tokens, signatures of service accounts.

Source: google.iam.credentials.v1.IAMCredentials.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Awaitable, Callable

from rempart.core.call import Call, Reply
from rempart.core.clock import Micros
from rempart.core.document import boolean, only
from rempart.core.grant import Grant
from rempart.core.policy import Resource
from rempart.core.proposal import Proposal
from rempart.services.iam import accounts
from rempart.services.iamcredentials import model
from rempart.services.iamcredentials.store import CredentialsStore
from rempart.trust.identity.accounts import ServiceAccount
from rempart.trust.identity.id_tokens import Asked
from rempart.trust.identity.tokens import Impersonated
from rempart.trust.policy.organization import identities

ACCESS, ID_TOKEN = "getAccessToken", "getOpenIdToken"
SIGN_BLOB, SIGN_JWT = "signBlob", "signJwt"
_SECOND = 1_000_000
Run = Callable[[Grant, Call, CredentialsStore], Awaitable[Reply]]


async def first_link(call: Call, store: CredentialsStore) -> Resource:
    """Return the account that the caller itself must have the permission on."""
    return await store.resource(model.chain(call.path["name"], call.document)[0])


async def _account(
    grant: Grant, call: Call, store: CredentialsStore, permission: str
) -> ServiceAccount:
    chain = model.chain(call.path["name"], call.document)
    return await store.reached(grant, chain, f"iam.serviceAccounts.{permission}")


def _facts(account: ServiceAccount, call: Call, **more: str) -> dict[str, str]:
    """Return for the log for whom a credential is, and through whom: nothing of itself."""
    facts = {"serviceAccount": account.email, "uniqueId": account.unique_id, **more}
    through = [one.account for one in model.chain(call.path["name"], call.document)[:-1]]
    return facts | ({"delegates": ", ".join(through)} if through else {})


async def proposes(call: Call, store: CredentialsStore) -> Proposal | None:
    """Return the access token to issue; nothing for an account that is not there."""
    name = model.chain(call.path["name"], call.document)[-1]
    account = await accounts.find(store.iam, name)
    if account is None:
        return None
    lifetime = model.lifetime(call.document)
    return identities.access_token(account.project, account.email, lifetime)


async def generate_access_token(grant: Grant, call: Call, store: CredentialsStore) -> Reply:
    """Return an access token of an account, good for an hour, or more where a policy says so."""
    only(call.document, "delegates", "scope", "lifetime")
    scopes, lifetime = model.scopes(call.document), model.lifetime(call.document)
    account = await _account(grant, call, store, ACCESS)
    now = store.setup.world.clock()
    statement = Impersonated(
        email=account.email,
        unique_id=account.unique_id,
        scopes=scopes,
        issued=now,
        expires=Micros(now + lifetime * _SECOND),
    )
    return Reply(
        document={
            "accessToken": store.access_token(grant, statement),
            "expireTime": model.to_the_second(statement.expires),
        },
        audit=_facts(account, call, scopes=" ".join(scopes), seconds=str(lifetime)),
    )


async def generate_id_token(grant: Grant, call: Call, store: CredentialsStore) -> Reply:
    """Return an ID token of an account for an audience, good for an hour."""
    document = call.document
    only(
        document,
        "delegates",
        "audience",
        "includeEmail",
        "useEmailAzp",
        "organizationNumberIncluded",
    )
    audience = model.audience(document)
    account = await _account(grant, call, store, ID_TOKEN)
    numbered = boolean(document, "organizationNumberIncluded")
    asked = Asked(
        audience,
        email=boolean(document, "includeEmail"),
        email_azp=boolean(document, "useEmailAzp"),
        organization=await store.organization(grant, account) if numbered else "",
    )
    token = await store.id_token(grant, account, asked)
    return Reply(document={"token": token}, audit=_facts(account, call, audience=audience))


async def sign_blob(grant: Grant, call: Call, store: CredentialsStore) -> Reply:
    """Return the signature of an account's key over bytes (RSASSA-PKCS1-v1_5, SHA-256)."""
    only(call.document, "delegates", "payload")
    content = model.blob(call.document)
    account = await _account(grant, call, store, SIGN_BLOB)
    key = await store.key(grant, account)
    signed = b64encode(key.sign(content)).decode()
    return Reply(document={"keyId": key.id, "signedBlob": signed}, audit=_facts(account, call))


async def sign_jwt(grant: Grant, call: Call, store: CredentialsStore) -> Reply:
    """Return claims signed by an account's key; they expire within twelve hours."""
    only(call.document, "delegates", "payload")
    claims = model.claims(call.document, store.setup.world.clock())
    account = await _account(grant, call, store, SIGN_JWT)
    key = await store.key(grant, account)
    signed = key.token(claims)
    return Reply(document={"keyId": key.id, "signedJwt": signed}, audit=_facts(account, call))
