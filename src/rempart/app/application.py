"""What the doors lead to: the application of an open universe, and of a sealed one."""

from __future__ import annotations

from functools import partial

from rempart.app.assembly import Parts
from rempart.config import Config
from rempart.core.call import Call, Reply
from rempart.core.clock import World
from rempart.edge.asgi import Application, Endpoint, Handler
from rempart.edge.routes import RouteTable
from rempart.edge.unsealing import Unsealing
from rempart.services.accessapproval import OWN as APPROVAL_OWN
from rempart.services.auth import Auth
from rempart.services.cloudasset import OWN as ASSET_OWN
from rempart.services.foreignrequests import OWN as ORDERS_OWN
from rempart.services.iam.workforce import OWN as IAM_OWN
from rempart.services.iamcredentials.published import OWN as PUBLISHED
from rempart.services.kms import OWN as KMS_OWN
from rempart.services.oauth2 import ROUTES, OAuth2
from rempart.services.policytroubleshooter import OWN as TROUBLESHOOTER_OWN
from rempart.services.serviceusage import OWN as USAGE_OWN
from rempart.services.sts import ROUTES as STS_ROUTES
from rempart.services.sts import STS
from rempart.services.transparency import OWN as TRANSPARENCY_OWN
from rempart.services.transparency.site import HOST as LOG_HOST
from rempart.services.transparency.site import PREFIX, LogSite
from rempart.trust.identity.signing_keys import jwk
from rempart.wire import all_services

DESCRIPTOR_BUCKETS = ("universe-descriptor-data", "universe-descriptor-data-backup")
SIGN_IN_HOSTS = ("auth.cloud",)
UNHEALTHY = 503
OWN = (
    TRANSPARENCY_OWN,
    KMS_OWN,
    USAGE_OWN,
    IAM_OWN,
    PUBLISHED,
    TROUBLESHOOTER_OWN,
    ASSET_OWN,
    APPROVAL_OWN,
    ORDERS_OWN,
)
"""Methods that Google does not describe."""


def open_application(parts: Parts, config: Config) -> Application:
    """Return what answers requests: the gate, and what anyone may ask."""
    return Application(
        RouteTable((*all_services(), *OWN), config.domain),
        parts.support.watched(parts.gate.serve),
        extra=(
            *_oauth2(parts, config),
            *_sts(parts),
            *_auth(parts.auth),
            *_issuer(parts),
            *_about(config),
            *_log(parts),
        ),
        world=parts.world,
        universe_domain=config.domain,
    )


def sealed_application(unsealing: Unsealing, config: Config) -> Application:
    """Return what answers while there are no keys: that it is so."""

    def admit() -> None:
        raise unsealing.refusal()

    async def refuse(_call: Call) -> Reply:
        raise unsealing.refusal()

    async def health(_call: Call) -> Reply:
        return Reply(document={"status": "SEALED"}, status=UNHEALTHY)

    refused = [Endpoint(route.hosts, route.verbs, route.paths, refuse) for route in ROUTES]
    refused.append(Endpoint(SIGN_IN_HOSTS, ("GET", "POST"), ("*",), refuse))
    refused += [Endpoint(one.hosts, ("POST",), (one.path,), refuse) for one in STS_ROUTES]
    return Application(
        RouteTable(all_services(), config.domain),
        refuse,
        extra=(*refused, *_issuer_at(refuse, refuse), _descriptor(refuse), _health(health)),
        admit=admit,
        world=World(),
        universe_domain=config.domain,
    )


def _sts(parts: Parts) -> tuple[Endpoint, ...]:
    """Return where credentials from outside are exchanged."""
    service = STS(parts.identity, parts.federation, parts.recorder)
    return tuple(
        Endpoint(route.hosts, ("POST",), (route.path,), partial(route.run, service))
        for route in STS_ROUTES
    )


def _oauth2(parts: Parts, config: Config) -> tuple[Endpoint, ...]:
    """Return where the token endpoint and its kin stand."""
    service = OAuth2(
        parts.identity, parts.id_tokens, parts.recorder, token_uris=_token_uris(config)
    )
    return tuple(
        Endpoint(route.hosts, route.verbs, route.paths, partial(route.run, service))
        for route in ROUTES
    )


def _token_uris(config: Config) -> frozenset[str]:
    """Return the token endpoints that issued key files name: Go's libraries sign for them."""
    return frozenset(
        (f"https://oauth2.{config.domain}/token", f"https://localhost:{config.listen.port}/token")
    )


def _issuer(parts: Parts) -> tuple[Endpoint, ...]:
    async def keys(_call: Call) -> Reply:
        made = [jwk(key.id, key.public_key) for key in await parts.id_tokens.keys(parts.sealed)]
        return Reply(document={"keys": [*made, parts.issuer.public_key]})

    return _issuer_at(_answer(parts.issuer.configuration()), keys)


def _issuer_at(configuration: Handler, keys: Handler) -> tuple[Endpoint, ...]:
    """Return where the issuer of ID tokens says who it is (OpenID Connect Discovery 1.0)."""
    hosts = ("accounts", "")
    return (
        Endpoint(hosts, ("GET",), ("/.well-known/openid-configuration",), configuration),
        Endpoint((*hosts, "www"), ("GET",), ("/oauth2/v3/certs",), keys),
    )


def _auth(auth: Auth) -> tuple[Endpoint, ...]:
    """Return where people sign in, and where their programs buy tokens."""
    tokens = auth.tokens
    return (
        Endpoint(SIGN_IN_HOSTS, ("GET", "POST"), ("*",), auth.site.serve),
        Endpoint(("sdk.cloud", "docs"), ("GET",), ("*",), auth.codes.serve),
        *(
            Endpoint((host,), ("POST",), (f"{prefix}/v1/{name}",), handler)
            for host, prefix in (("sts", ""), ("", "/sts"))
            for name, handler in (("oauthtoken", tokens.token), ("revoke", tokens.revoke))
        ),
    )


def _log(parts: Parts) -> tuple[Endpoint, ...]:
    """Return where anybody reads the log."""
    site = LogSite(parts.log, parts.notary)
    return (
        Endpoint((LOG_HOST,), ("GET",), ("*",), site.serve),
        Endpoint(("",), ("GET",), (f"{PREFIX}*",), site.serve),
    )


def _about(config: Config) -> tuple[Endpoint, ...]:
    """Return what anyone may ask: whether the universe lives, and what it is called."""
    descriptor = {
        "version": "v1",
        "universeDomain": config.domain,
        "universeShortName": config.prefix,
        "projectPrefix": f"{config.prefix}-system",
        "authenticationDomain": f"auth.cloud.{config.domain}",
        "cloudWebDomain": f"cloud.{config.domain}",
        "documentationDomain": f"docs.{config.domain}",
        "artifactRegistryDomain": f"pkg.{config.domain}",
        "state": "primary",
    }
    return _descriptor(_answer(descriptor)), _health(_answer({"status": "SERVING"}))


def _descriptor(handler: Handler) -> Endpoint:
    paths = tuple(f"/{bucket}/universe-descriptor.json" for bucket in DESCRIPTOR_BUCKETS)
    return Endpoint(("storage", ""), ("GET",), paths, handler)


def _health(handler: Handler) -> Endpoint:
    return Endpoint(("storage", ""), ("GET",), ("/healthz",), handler)


def _answer(document: object) -> Handler:
    async def handler(_call: Call) -> Reply:
        return Reply(document=document)

    return handler
