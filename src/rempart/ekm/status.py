"""What the status page says about an open key holder."""

from __future__ import annotations

from rempart import __version__
from rempart.core.clock import Micros, rfc3339
from rempart.ekm.administration.state import State
from rempart.ekm.door.status_page import Section
from rempart.ekm.opened import Opened
from rempart.standalone import identity


def sections(opened: Opened) -> list[Section]:
    """Return the page's tables."""
    held = opened.store.holdings
    return [
        Section("Manager", ("", ""), _manager(opened)),
        *_decided(opened.office.state),
        Section(
            "Keys",
            ("Path", "Algorithm", "State", "Home", "May be cached"),
            [
                (
                    path,
                    key.algorithm,
                    key.state.lower(),
                    key.home,
                    f"{key.cache_seconds} s",
                )
                for path, key in sorted(held.keys.items())
            ],
        ),
        Section(
            "Trusted issuers",
            ("Issuer", "Service agents of", "Audiences"),
            [
                (
                    issuer.issuer,
                    ", ".join(issuer.mail_domains),
                    ", ".join(issuer.audiences) or "this manager's address",
                )
                for issuer in held.issuers
            ],
        ),
    ]


def _decided(state: State | None) -> list[Section]:
    if state is None:
        return [Section("Officers", ("Name", "Key"), [])]
    quorum = f"Officers, of whom {state.quorum} decide"
    return [
        Section(
            "Blocks",
            ("What", "By", "Since", "Note"),
            [
                (block.key, block.officer, rfc3339(Micros(block.time)), block.note)
                for block in state.blocks
            ],
        ),
        Section("Rules in force", ("Name",), [(rule.name,) for rule in state.policy.rules]),
        Section(quorum, ("Name", "Key"), [(each.name, each.key.id) for each in state.officers]),
        Section(
            "Approvers", ("Name", "Key"), [(each.name, each.key.id) for each in state.approvers]
        ),
        Section(
            "Proposals that wait",
            ("Digest", "Consents"),
            [(each.digest, ", ".join(each.officers)) for each in state.pending],
        ),
    ]


def _manager(opened: Opened) -> list[tuple[str, str]]:
    who = identity.load(opened.data)
    head = opened.journal.head
    return [
        ("Name", opened.settings.host),
        ("Version", __version__),
        ("Time", rfc3339(opened.world.clock())),
        ("Log", "fenced: restart" if opened.journal.fenced else f"{head.count} entries"),
        ("Log's head", head.hash.hex()),
        *_log(opened),
        ("Certificate (SHA-256)", who.fingerprint),
        ("Certificate ends", f"{who.ends:%Y-%m-%d}"),
        ("Generation of what is held", str(opened.store.holdings.generation)),
    ]


def _log(opened: Opened) -> list[tuple[str, str]]:
    log = opened.transparency.site.state()
    told = f"{log['publishedSize']} entries. {log['lacking']}".rstrip()
    alarm = [("ALARM", str(log["alarm"]))] if log["alarm"] else []
    return [("Published as " + str(log["log"]), told), *alarm]
