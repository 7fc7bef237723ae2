"""One request of a cloud for a key, as policy judges it and the log keeps it.

Never in it: plaintext, wrapped blobs, digests, tokens.
"""

from __future__ import annotations

import msgspec


class KeyUse(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of which key, by whom, for what, and why.

    `verb` is the protocol's (`wrap`, `unwrap`, `asymmetricSign`, `getPublicKey`, `createKey`,
    `destroyKey`, `checkCryptoSpacePermissions`); `key` the path of the key or crypto space.
    `issuer`, `caller` and `project` come from the verified token: who signed it, the service agent
    it names, and the number of the project in that agent's address. `resource` is the key version
    as the cloud names it. `reason` is None where the cloud gave none. `principal`, `operation` and
    `target` say who did what to which resource, as the cloud tells it; `approval` is what came
    along of signed approvals, compact JWS joined by `~`, verified elsewhere. `entry` is the receipt
    of the request in the cloud's own log. `time` is microseconds since the epoch. See
    docs/spec/external-key-manager.md.
    """

    time: int
    verb: str
    key: str
    issuer: str
    caller: str
    project: str
    resource: str = ""
    reason: str | None = None
    health_check: bool = False
    principal: str = ""
    operation: str = ""
    target: str = ""
    approval: str = ""
    entry: str = ""
    remote: str = ""
