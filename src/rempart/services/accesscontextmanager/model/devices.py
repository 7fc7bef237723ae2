"""What a custom level may say of devices: their certificate, as it came with the call.

Nobody reports devices to a universe, so what Google's agents would report is refused by name.
Source: Google's specification of custom access levels.
"""

from __future__ import annotations

import re

from rempart.core.cel import without_texts
from rempart.core.errors import unsupported
from rempart.trust.policy.expressions import DEVICE, ON_CERTIFICATES
from rempart.trust.policy.perimeters.devices import ATTRIBUTES

FIELD = "custom.expr.expression"
_ASKED = "ask device.certificates.exists(cert, …)"
_ELSEWHERE = {
    "certificateBindingState": f"no device is enrolled here; {_ASKED}",
    "certIsPkiAttested": f"trust configs of Certificate Manager are not kept here; {_ASKED}",
}
_DEVICE = re.compile(rf"(?<![\w.]){DEVICE}\b(?:\s*\.\s*\w+)?")


def check_devices(expression: str) -> None:
    """Raise, by its name, for what is not known of devices."""
    text = without_texts(expression)
    for name, because in _ELSEWHERE.items():
        if re.search(rf"\b{name}\b", text):
            raise unsupported(name, field=FIELD, because=because)
    other = _DEVICE.search(ON_CERTIFICATES.sub("(", text))
    if other is not None:
        because = f"of a device it knows the certificate alone; {_ASKED}"
        raise unsupported(other[0], field=FIELD, because=because)
    for bound in ON_CERTIFICATES.findall(text):
        for attribute in re.findall(rf"(?<![\w.]){bound}\.(\w+)", text):
            if attribute not in ATTRIBUTES:
                because = f"a certificate has {', '.join(sorted(ATTRIBUTES))}"
                raise unsupported(f"{bound}.{attribute}", field=FIELD, because=because)
