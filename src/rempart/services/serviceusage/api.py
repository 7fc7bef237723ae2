"""Service Usage's methods.

Source: ServiceUsage of google.api.serviceusage.v1, google.longrunning.Operations, and
generateServiceIdentity of v1beta1. Here every operation is done when it is answered.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from rempart.core.apis import service_name
from rempart.core.call import Call, Reply
from rempart.core.document import boolean, only, strings, text
from rempart.core.errors import invalid, required
from rempart.core.grant import Grant
from rempart.core.pages import page_of
from rempart.core.policy import Resource
from rempart.services.serviceusage import model
from rempart.services.serviceusage.model import Json
from rempart.services.serviceusage.store import UsageStore

Run = Callable[[Grant, Call, UsageStore], Awaitable[Reply]]
_CHECKS = ("", "CHECK_IF_SERVICE_HAS_USAGE_UNSPECIFIED", "SKIP", "CHECK")
_IDENTITY = "type.googleapis.com/google.api.serviceusage.v1beta1.ServiceIdentity"


async def project(call: Call, store: UsageStore) -> Resource:
    """Return the project that the path names, or whose service it does."""
    name = call.path.get("name") or call.path["parent"]
    return await store.resource("/".join(name.split("/")[:2]))


async def operation(call: Call, store: UsageStore) -> Resource:
    """Return the project of the operation that the path names."""
    return await store.operation_resource(call.path["name"])


async def listed_project(call: Call, store: UsageStore) -> Resource:
    """Return the project whose operations are asked for, by `name`."""
    name = call.query.get("name", "")
    if not name:
        raise required("name is required: the project whose operations are meant.", field="name")
    return await store.resource(name.removesuffix("/operations"))


async def enable(grant: Grant, call: Call, store: UsageStore) -> Reply:
    """Turn an API on, and with it the one that it needs."""
    only(call.document)
    api = _api(call, store)
    return await _turn_on(grant, store, [api], "EnableServiceResponse")


async def batch_enable(grant: Grant, call: Call, store: UsageStore) -> Reply:
    """Turn several APIs on, or none of them."""
    only(call.document, "serviceIds")
    named = strings(call.document, "serviceIds")
    if not 0 < len(named) <= model.BATCH_ENABLE_MAX:
        message = f"serviceIds names 1 to {model.BATCH_ENABLE_MAX} services."
        raise invalid(message, field="serviceIds")
    apis = [model.offered(one, store.setup.apis) for one in named]
    return await _turn_on(grant, store, apis, "BatchEnableServicesResponse")


async def _turn_on(grant: Grant, store: UsageStore, apis: list[str], message: str) -> Reply:
    off = await store.off(grant)
    after = model.enabled(off, apis)
    services = [model.service_json(store.project(grant).number, api, after) for api in apis]
    single = message == "EnableServiceResponse"
    shown: Json = {"service": services[0]} if single else {"services": services}
    return await _changed(grant, store, (off, after), services, model.response(message, shown))


async def disable(grant: Grant, call: Call, store: UsageStore) -> Reply:
    """Turn an API off; its data stays as it is."""
    only(call.document, "disableDependentServices", "checkIfServiceHasUsage")
    check = text(call.document, "checkIfServiceHasUsage")
    if check not in _CHECKS:
        raise invalid("checkIfServiceHasUsage is SKIP or CHECK.", field="checkIfServiceHasUsage")
    api, off = _api(call, store), await store.off(grant)
    dependents = boolean(call.document, "disableDependentServices")
    after = model.disabled(off, api, store.setup.apis, dependents=dependents)
    if check == "CHECK":
        _check_usage(grant, store, after - off)
    service = model.service_json(store.project(grant).number, api, after)
    response = model.response("DisableServiceResponse", {"service": service})
    return await _changed(grant, store, (off, after), [service], response)


def _check_usage(grant: Grant, store: UsageStore, apis: frozenset[str]) -> None:
    """Refuse where one of the APIs was used lately, as far as this process has seen."""
    since = store.setup.world.clock() - model.USAGE_SECONDS * 1_000_000
    for api in sorted(apis):
        used = store.setup.disabled.last_used(store.project(grant).id, api)
        if used is not None and used > since:
            raise model.in_use(api)


async def _changed(
    grant: Grant,
    store: UsageStore,
    states: tuple[frozenset[str], frozenset[str]],
    services: list[Json],
    response: Json,
) -> Reply:
    before, after = states
    if before == after:
        return Reply(document=model.NOTHING_TO_DO | {"response": response})
    store.put_off(grant, after)
    metadata = model.metadata(str(service["name"]) for service in services)
    done = await store.finished(grant, metadata, response)
    facts = {"enabled": before - after, "disabled": after - before}
    audit = {fact: ",".join(sorted(apis)) for fact, apis in facts.items() if apis}
    return Reply(document=done, audit=audit)


async def get(grant: Grant, call: Call, store: UsageStore) -> Reply:
    """Return a service and whether it is on."""
    api, off = _api(call, store), await store.off(grant)
    return Reply(document=model.service_json(store.project(grant).number, api, off))


async def batch_get(grant: Grant, call: Call, store: UsageStore) -> Reply:
    """Return several services of one project."""
    named = [one for one in call.query.get("names", "").split("\n") if one]
    if not 0 < len(named) <= model.BATCH_GET_MAX:
        raise invalid(f"names has 1 to {model.BATCH_GET_MAX} services.", field="names")
    found, off = store.project(grant), await store.off(grant)
    parents = {call.path["parent"], f"projects/{found.id}", f"projects/{found.number}"}
    shown = list[Json]()
    for name in named:
        parent, _, service = name.partition("/services/")
        if parent not in parents:
            raise invalid(f"{name[:200]} is not in {call.path['parent']}.", field="names")
        shown.append(
            model.service_json(found.number, model.offered(service, store.setup.apis), off)
        )
    return Reply(document={"services": shown})


async def list_(grant: Grant, call: Call, store: UsageStore) -> Reply:
    """List the services of this universe and whether each is on."""
    wanted, asked = model.state_wanted(call.query.get("filter", "")), model.page(call.query)
    off, number = await store.off(grant), store.project(grant).number
    every = ((one, model.service_json(number, one, off)) for one in store.setup.apis)
    shown = [one for one in every if wanted in {"", one[1]["state"]}]
    return Reply(document=page_of("services", shown, asked))


async def get_operation(grant: Grant, call: Call, store: UsageStore) -> Reply:
    """Return an operation."""
    return Reply(document=model.operation_json(*await store.operation(grant, call.path["name"])))


async def list_operations(grant: Grant, call: Call, store: UsageStore) -> Reply:
    """List the operations of a project, the oldest first."""
    if call.query.get("filter"):
        raise invalid("Operations are not filtered.", field="filter")
    asked = model.page(call.query)
    found = await store.operations(grant, asked.after_name, asked.size + 1)
    shown = ((one.id, model.operation_json(one.id, one.value)) for one in found)
    return Reply(document=page_of("operations", shown, asked))


async def delete_operation(grant: Grant, call: Call, store: UsageStore) -> Reply:
    """Forget an operation; what it did stays done."""
    await store.delete_operation(grant, call.path["name"])
    return Reply(document={})


async def cancel_operation(grant: Grant, call: Call, store: UsageStore) -> Reply:
    """Answer a wish to cancel: an operation is done already, and cancelling never was a promise."""
    only(call.document)
    await store.operation(grant, call.path["name"])
    return Reply(document={})


async def generate_identity(grant: Grant, call: Call, store: UsageStore) -> Reply:
    """Tell the service agent of an API in a project; it needs no making.

    An API that acts in no name of its own has none, and the answer is empty, as Google's is.
    """
    only(call.document)
    api, found = _api(call, store), store.project(grant)
    name, response = service_name(api), dict[str, object]()
    if api in model.AGENTS:
        email = f"service-{found.number}@{model.AGENTS[api]}.{store.setup.system_domain}"
        response = {"@type": _IDENTITY, "email": email, "uniqueId": f"{found.number}-{api}"}
    else:
        response = {"@type": "type.googleapis.com/google.protobuf.Empty"}
    named = model.metadata([f"projects/{found.number}/services/{name}"])
    done = {"name": "operations/finished.DONE_OPERATION", "metadata": named, "done": True}
    return Reply(document=done | {"response": response})


def _api(call: Call, store: UsageStore) -> str:
    name = call.path.get("name") or call.path["parent"]
    return model.offered(name.rpartition("/services/")[2], store.setup.apis)
