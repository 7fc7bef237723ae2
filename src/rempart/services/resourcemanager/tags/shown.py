"""Keys, values, bindings and holds as JSON shows them.

Source: google.cloud.resourcemanager.v3.
"""

from __future__ import annotations

from rempart.core.clock import rfc3339
from rempart.services.resourcemanager.kinds import Json
from rempart.services.resourcemanager.tags.model import Hold, TagKey, TagValue, binding_name
from rempart.trust.policy.tags import Tag


def key_json(key: TagKey) -> Json:
    """Return a TagKey."""
    shown: Json = {
        "name": key.name,
        "parent": key.parent,
        "shortName": key.short,
        "namespacedName": key.namespaced,
        "createTime": rfc3339(key.created),
        "updateTime": rfc3339(key.updated),
        "etag": key.etag,
    }
    optional = {"description": key.description, "allowedValuesRegex": key.allowed_values}
    return shown | {name: text for name, text in optional.items() if text}


def value_json(value: TagValue) -> Json:
    """Return a TagValue."""
    shown: Json = {
        "name": value.name,
        "parent": f"tagKeys/{value.key}",
        "shortName": value.short,
        "namespacedName": value.namespaced,
        "createTime": rfc3339(value.created),
        "updateTime": rfc3339(value.updated),
        "etag": value.etag,
    }
    return shown | ({"description": value.description} if value.description else {})


def binding_json(parent: str, tag: Tag) -> Json:
    """Return a TagBinding."""
    return {
        "name": binding_name(parent, tag.value),
        "parent": parent,
        "tagValue": tag.value,
        "tagValueNamespacedName": f"{tag.key_name}/{tag.value_name}",
    }


def effective_json(tag: Tag, key: TagKey, *, inherited: bool) -> Json:
    """Return an EffectiveTag."""
    return {
        "tagValue": tag.value,
        "namespacedTagValue": f"{tag.key_name}/{tag.value_name}",
        "tagKey": tag.key,
        "namespacedTagKey": tag.key_name,
        "tagKeyParentName": key.parent,
        "inherited": inherited,
    }


def hold_json(value: str, hold: Hold) -> Json:
    """Return a TagHold."""
    shown: Json = {
        "name": f"{value}/tagHolds/{hold.id}",
        "holder": hold.holder,
        "createTime": rfc3339(hold.created),
    }
    optional = {"origin": hold.origin, "helpLink": hold.help_link}
    return shown | {name: text for name, text in optional.items() if text}
