"""Log-based metrics: their definitions, and what a container's settings are."""

from __future__ import annotations

from msgspec.structs import replace

from rempart.core.call import Call, Reply
from rempart.core.document import text
from rempart.core.errors import already_exists, invalid, not_found
from rempart.core.grant import Grant
from rempart.core.pages import page, page_of
from rempart.services.logging.api.asked import name_of
from rempart.services.logging.kinds import Json, Metric, Routing
from rempart.services.logging.model import config, names
from rempart.services.logging.model.routing import quota
from rempart.services.logging.store import LoggingStore

METRICS_MAX = 500


async def list_(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """List the log-based metrics of a project."""
    container, routing = await store.routed(grant, name_of(call))
    shown = ((one.name, _shown(container, one)) for one in routing.metrics.values())
    return Reply(document=page_of("metrics", shown, page(call.query)))


async def get(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Return a log-based metric."""
    container, routing = await store.routed(grant, name_of(call))
    return _reply(container, _metric(call, routing))


async def create(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Define a log-based metric."""
    container, routing = await store.routed(grant, name_of(call))
    metric = config.metric(call.document, store.now)
    if metric.name in routing.metrics:
        raise already_exists(f"Metric {metric.name} already exists.")
    if len(routing.metrics) >= METRICS_MAX:
        raise quota("metrics", METRICS_MAX)
    return _put(grant, store, container, routing, metric)


async def update(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Define a log-based metric anew."""
    container, routing = await store.routed(grant, name_of(call))
    old = _metric(call, routing)
    if text(call.document, "name") not in {"", old.name, name_of(call)}:
        raise invalid("A metric keeps its name.", field="name")
    metric = config.metric({**call.document, "name": old.name}, store.now)
    return _put(grant, store, container, routing, replace(metric, created=old.created))


async def delete(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Delete a log-based metric."""
    container, routing = await store.routed(grant, name_of(call))
    name = _metric(call, routing).name
    kept = {id_: one for id_, one in routing.metrics.items() if id_ != name}
    store.put_routing(grant, container, replace(routing, metrics=kept))
    return Reply(document={}, audit={"metric": name})


async def settings(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Return the settings of a container: whom its sinks write as, and no key of a customer's."""
    container = await store.container(name_of(call))
    agent = (await store.writer(grant, container)).removeprefix("serviceAccount:")
    shown: Json = {"name": f"{container}/settings", "loggingServiceAccountId": agent}
    return Reply(document=shown)


async def cmek_settings(grant: Grant, call: Call, store: LoggingStore) -> Reply:
    """Return which key of the customer's protects new log buckets: none."""
    container = await store.container(name_of(call))
    return Reply(document={"name": f"{container}/cmekSettings"})


def _metric(call: Call, routing: Routing) -> Metric:
    name = names.last(name_of(call))
    if name not in routing.metrics:
        raise not_found(f"Metric {name} does not exist.")
    return routing.metrics[name]


def _put(
    grant: Grant, store: LoggingStore, container: str, routing: Routing, metric: Metric
) -> Reply:
    every = {**routing.metrics, metric.name: metric}
    store.put_routing(grant, container, replace(routing, metrics=every))
    return _reply(container, metric)


def _shown(container: str, metric: Metric) -> Json:
    shown = config.metric_json(metric)
    return {**shown, "resourceName": f"{container}/metrics/{metric.name}"}


def _reply(container: str, metric: Metric) -> Reply:
    return Reply(document=_shown(container, metric), audit={"metric": metric.name})
