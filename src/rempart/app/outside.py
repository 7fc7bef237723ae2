"""What is outside this process: keys in a token and with key managers, identity providers."""

from __future__ import annotations

from pathlib import Path

from rempart.config import Config, HSMConfig
from rempart.core.clock import World, system_clock, system_random
from rempart.trust.custody.external.endpoint import Endpoints
from rempart.trust.custody.keyring import Keyring
from rempart.trust.custody.pkcs11.mechanism import InToken
from rempart.trust.custody.pkcs11.token import Token, TokenSettings
from rempart.trust.custody.sealing import files
from rempart.trust.custody.sealing.document import Custodians
from rempart.trust.custody.sealing.elsewhere import KeysElsewhere, Reach
from rempart.trust.identity import accounts, seal_identity
from rempart.trust.identity.federation.aws import STSEndpoints
from rempart.trust.identity.federation.issuers import Issuers


def key_managers(config: Config) -> Endpoints:
    """Return the external key managers that may be asked."""
    return Endpoints(
        dict(config.key_managers),
        authorities=config.key_manager_authorities,
        client=config.key_manager_client,
    )


def outside_issuers(config: Config, world: World) -> Issuers:
    """Return the issuers of identity providers, whose keys are fetched when they are needed."""
    file = config.identity_provider_authorities
    return Issuers(Path(file).read_text() if file else "", world.clock)


def aws_sts(config: Config, issuers: Issuers) -> STSEndpoints:
    """Return the token services of AWS that may be asked, each as an issuer is."""
    return STSEndpoints(issuers, config.aws_sts_endpoints, config.aws_sts_unsigned_target)


def in_token(config: Config, keyring: Keyring, world: World) -> InToken | None:
    """Return the keys in the token, if there is one; nothing is asked of it yet.

    Universes may share a token: their marks on keys differ, as their roots do.
    """
    if config.hsm is None:
        return None
    mark = f"rempart-{keyring.key('token-mark')[:8].hex()}"
    return InToken(Token(_token_settings(config.hsm)), mark, world.random)


def elsewhere(data: Path, config: Config) -> KeysElsewhere:
    """Return what seals and opens the root by keys elsewhere."""

    def token(audience: str, email: str) -> str:
        return seal_identity.issuer(data, config.domain, system_clock).token(audience, email)

    number, system = seal_identity.PROJECT_NUMBER, system_domain(config)
    reach = Reach(
        domain=config.domain,
        agent=f"service-{number}@gcp-sa-ekms.{system}",
        tokens=token,
        managers=key_managers(config),
        token=None if config.hsm is None else _token_settings(config.hsm),
        random=system_random,
    )
    return KeysElsewhere(reach)


def root_kept(data: Path | None) -> str:
    """Return where a universe's root key is while it is stopped, as assessments of orders say it.

    `file`, `custodians K/N`, `hsm` or `external`. A running universe has it in memory besides.
    """
    sealed = files.find(data) if data else None
    if sealed is None:
        return "file"
    by = sealed.opened_by
    if isinstance(by, Custodians):
        return f"custodians {by.threshold}/{len(by.custodians)}"
    return by.mechanism


def system_domain(config: Config) -> str:
    """Return the domain of this universe's service agents."""
    return f"{config.prefix}-system.{accounts.MAIL_DOMAIN}"


def _token_settings(hsm: HSMConfig) -> TokenSettings:
    return TokenSettings(hsm.module, hsm.token, hsm.pin_file)
