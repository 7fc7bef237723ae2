"""What the readers of a container's logs are told of a sink that does not deliver.

It goes into the log bucket `_Default` and through no sink. Source: "Troubleshoot routing and
sinks" of Cloud Logging.
"""

from __future__ import annotations

from rempart.core.clock import Micros
from rempart.services.logging.kinds import Json
from rempart.services.logging.model.destination import Outbox
from rempart.services.logging.model.entry import Entry
from rempart.services.logging.query.moments import MICROS, written

LOG = "logging.googleapis.com%2Fsink_error"


def failure(place: Outbox, destination: str, said: str, now: Micros, insert_id: str) -> Entry:
    """Return the entry that tells of a failure."""
    time = written(now * MICROS)
    labels: Json = {"name": place.sink, "destination": destination}
    noun, _, id_ = place.container.partition("/")
    if noun == "projects":
        labels["project_id"] = id_
    document: Json = {
        "logName": f"{place.container}/logs/{LOG}",
        "resource": {"type": "logging_sink", "labels": labels},
        "timestamp": time,
        "receiveTimestamp": time,
        "severity": "ERROR",
        "insertId": insert_id,
        "labels": {"sink_id": place.sink, "destination": destination, "error_detail": said},
        "textPayload": (
            f"The sink {place.sink} does not deliver to {destination}: {said} What it takes waits,"
            " and is delivered once it can be."
        ),
    }
    return Entry(now * MICROS, document)
