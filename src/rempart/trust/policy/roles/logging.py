"""Cloud Logging's roles.

Data Access and Access Transparency logs are private: the viewer does not see them.
"""

from __future__ import annotations

from rempart.trust.policy.roles.role import HIERARCHY, PROJECT_SEEN, Level, Role, of

VIEWED = (
    of("logging.buckets", "get list")
    | of("logging.exclusions", "get list")
    | of("logging.locations", "get list")
    | of("logging.logEntries", "list")
    | of("logging.logMetrics", "get list")
    | of("logging.logs", "list")
    | of("logging.sinks", "get list")
    | of("logging.views", "get list")
)
EDITED = (
    of("logging.logEntries", "create")
    | of("logging.logMetrics", "create delete update")
    | of("logging.logs", "delete")
)
"""Beyond the viewer's: an editor writes and deletes logs, but neither routes nor keeps them."""

_PRIVATE = of("logging.privateLogEntries", "list")
_ACCESS = of("logging.views", "access listLogs")
_CONFIGURED = (
    of("logging.buckets", "create delete get list undelete update")
    | of("logging.cmekSettings", "get")
    | of("logging.exclusions", "create delete get list update")
    | of("logging.locations", "get list")
    | of("logging.logMetrics", "create delete get list update")
    | of("logging.logs", "list")
    | of("logging.settings", "get")
    | of("logging.sinks", "create delete get list update")
    | of("logging.views", "create delete get getIamPolicy list update")
)
OWNED = (
    VIEWED
    | EDITED
    | _PRIVATE
    | _ACCESS
    | _CONFIGURED
    | of("logging.buckets", "write")
    | of("logging.views", "setIamPolicy")
)

ROLES = (
    Role("roles/logging.viewer", "Logs Viewer", VIEWED | of("resourcemanager.projects", "get")),
    Role(
        "roles/logging.privateLogViewer",
        "Private Logs Viewer",
        VIEWED | _PRIVATE | _ACCESS | of("resourcemanager.projects", "get"),
    ),
    Role("roles/logging.logWriter", "Logs Writer", of("logging.logEntries", "create")),
    Role("roles/logging.bucketWriter", "Logs Bucket Writer", of("logging.buckets", "write")),
    Role("roles/logging.viewAccessor", "Logs View Accessor", _ACCESS, HIERARCHY | Level.LOG_VIEW),
    Role("roles/logging.configWriter", "Logs Configuration Writer", _CONFIGURED | PROJECT_SEEN),
    Role("roles/logging.admin", "Logging Admin", OWNED | PROJECT_SEEN),
)
