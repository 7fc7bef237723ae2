"""The laws that authorities claim: a code for counting, and what each is called.

`country` is whose law it is, empty where any state's may be meant. What an order cites is entered
beside the code, in its own words: the code says nothing about whether the claim holds.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Law:
    """A law, by the name it goes by and where it stands."""

    code: str
    name: str
    statute: str
    country: str = ""


_KNOWN = (
    Law("cloud-act", "Stored Communications Act, as the CLOUD Act has it",
        "18 U.S.C. §§ 2703, 2713", "US"),
    Law("fisa-702", "Foreign Intelligence Surveillance Act, section 702",
        "50 U.S.C. § 1881a", "US"),
    Law("fisa-order", "Foreign Intelligence Surveillance Act, an order of its court",
        "50 U.S.C. §§ 1805, 1824, 1842, 1861", "US"),
    Law("national-security-letter", "national security letter", "18 U.S.C. § 2709", "US"),
    Law("subpoena", "subpoena, or another compulsion to produce documents", ""),
    Law("uk-ipa", "Investigatory Powers Act 2016", "2016 c. 25", "GB"),
    Law("uk-copo", "Crime (Overseas Production Orders) Act 2019", "2019 c. 5", "GB"),
    Law("cn-intelligence", "National Intelligence Law", "article 7", "CN"),
    Law("e-evidence", "European Production and Preservation Orders", "Regulation (EU) 2023/1543"),
    Law("mutual-assistance", "request under a treaty of mutual legal assistance", ""),
    Law("domestic", "order under the law of the operator's seat", ""),
    Law("other", "another law", ""),
)  # fmt: skip
LAWS = {law.code: law for law in _KNOWN}
