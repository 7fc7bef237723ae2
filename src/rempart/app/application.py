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
from rempart.services.cloudasset import OWN as ASSET_OWN
from rempart.services.kms import OWN as KMS_OWN
from rempart.services.oauth2 import ROUTES, OAuth2
from rempart.services.policytroubleshooter import OWN as TROUBLESHOOTER_OWN
from rempart.services.serviceusage import OWN as USAGE_OWN
from rempart.trust.identity.identify import Identity
from rempart.trust.identity.issuer import Issuer
from rempart.wire import all_services

DESCRIPTOR_BUCKETS = ("universe-descriptor-data", "universe-descriptor-data-backup")
UNHEALTHY = 503
OWN = (KMS_OWN, USAGE_OWN, TROUBLESHOOTER_OWN, ASSET_OWN)
"""Methods that Google does not describe."""


def open_application(parts: Parts, config: Config) -> Application:
    """Return what answers requests: the gate, and what anyone may ask."""
    return Application(
        RouteTable((*all_services(), *OWN), config.domain),
        parts.gate.serve,
        extra=(*_oauth2(parts.identity, config), *_issuer(parts.issuer), *_about(config)),
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
    return Application(
        RouteTable(all_services(), config.domain),
        refuse,
        extra=(*refused, *_issuer_at(refuse, refuse), _descriptor(refuse), _health(health)),
        admit=admit,
        world=World(),
        universe_domain=config.domain,
    )


def _oauth2(identity: Identity, config: Config) -> tuple[Endpoint, ...]:
    """Return where the token endpoint and its kin stand."""
    service = OAuth2(identity, token_uris=_token_uris(config))
    return tuple(
        Endpoint(route.hosts, route.verbs, route.paths, partial(route.run, service))
        for route in ROUTES
    )


def _token_uris(config: Config) -> frozenset[str]:
    """Return the token endpoints that issued key files name: Go's libraries sign for them."""
    return frozenset(
        (f"https://oauth2.{config.domain}/token", f"https://localhost:{config.listen.port}/token")
    )


def _issuer(issuer: Issuer) -> tuple[Endpoint, ...]:
    return _issuer_at(_answer(issuer.configuration()), _answer(issuer.keys()))


def _issuer_at(configuration: Handler, keys: Handler) -> tuple[Endpoint, ...]:
    """Return where the issuer of ID tokens says who it is (OpenID Connect Discovery 1.0)."""
    hosts = ("accounts", "")
    return (
        Endpoint(hosts, ("GET",), ("/.well-known/openid-configuration",), configuration),
        Endpoint(hosts, ("GET",), ("/oauth2/v3/certs",), keys),
    )


def _about(config: Config) -> tuple[Endpoint, ...]:
    """Return what anyone may ask: whether the universe lives, and what it is called."""
    descriptor = {
        "version": "v1",
        "universeDomain": config.domain,
        "universeShortName": config.prefix,
        "projectPrefix": f"{config.prefix}-system",
        "authenticationDomain": f"auth.{config.domain}",
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
