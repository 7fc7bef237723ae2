"""Who may, as Google's documentation says it, in the plainest words: for comparison alone.

Nothing is looked up twice, indexed or remembered, and nothing of the evaluator is used. Rules, by
the pages that they come from:

* Resource hierarchy: a resource inherits the allow policies of its project, folders, organization.
* Deny policies: checked first; a rule denies if it names the principal and the permission, neither
  is excepted, and its condition is not false.
* Principal access boundary policies: who is bound to any reaches only what one of them lists.
* Allow policies: one binding whose role has the permission, whose members name the principal, and
  whose condition is true, is enough.
* Custom roles: count unless deleted or disabled, in the project or organization that has them.
* Shut down projects: what is in one, and accounts of one, have no rights (the latter is our rule).
* Convenience members: `projectViewer:P` and its like are those who hold the basic role on P.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Level:
    name: str
    number: str
    parent: str
    bindings: list[Grant] = field(default_factory=list)
    active: bool = True


@dataclass
class Grant:
    role: str
    members: list[str]
    condition: str = ""


@dataclass
class CustomRole:
    permissions: list[str]
    counts: bool


@dataclass
class Deny:
    at: str
    principals: list[str]
    exempt: list[str]
    permissions: list[str]
    exempt_permissions: list[str]
    condition: str


@dataclass
class Bound:
    target: str
    resources: list[str]
    condition: str


@dataclass
class Who:
    """A caller: `member` is empty for the anonymous one, `home` the project of an account."""

    member: str
    home: str
    sets: list[str]


@dataclass
class Question:
    """What is asked.

    `own` are the policies of the resource and of what holds it below its project; `truth` says what
    each condition comes to: True, False, or None where it fails.
    """

    who: Who
    permission: str
    project: str
    own: list[list[Grant]]
    public: bool
    truth: dict[str, bool | None]


@dataclass
class World:
    """All that is known."""

    levels: dict[str, Level]
    roles: dict[str, list[str]]
    custom: dict[str, CustomRole]
    denies: list[Deny]
    bound: list[Bound]

    def chain(self, name: str) -> list[Level]:
        """Return a level and all above it."""
        found = []
        while name in self.levels:
            found.append(self.levels[name])
            name = self.levels[name].parent
        return found

    def allowed(self, asked: Question) -> bool:
        """Tell whether the question is answered with yes."""
        chain = self.chain(asked.project)
        if not chain:
            return False
        if any(self.denies_it(rule, asked, chain) for rule in self.denies):
            return False
        if self.out_of_bounds(asked, chain):
            return False
        if not chain[0].active or not self.at_home(asked.who):
            return False
        for bindings in [*asked.own, *[level.bindings for level in chain]]:
            for grant in bindings:
                if (
                    self.carries(grant.role, asked.permission, chain)
                    and any(self.names(member, asked) for member in grant.members)
                    and (grant.condition == "" or asked.truth[grant.condition] is True)
                ):
                    return True
        return False

    def at_home(self, who: Who) -> bool:
        """Tell whether the caller's own project, if it has one, is in use."""
        chain = self.chain(who.home)
        return who.home == "" or (chain != [] and chain[0].active)

    def carries(self, role: str, permission: str, chain: list[Level]) -> bool:
        """Tell whether a role has a permission on a resource below these levels."""
        if role in self.roles:
            return permission in self.roles[role]
        home = role.split("/roles/", maxsplit=1)[0]
        if role not in self.custom or home not in [level.name for level in chain]:
            return False
        return self.custom[role].counts and permission in self.custom[role].permissions

    def names(self, member: str, asked: Question) -> bool:
        """Tell whether a member of a binding names the caller."""
        who = asked.who
        if member in ("allUsers", "allAuthenticatedUsers"):
            return asked.public and (member == "allUsers" or who.member != "")
        if who.member == "":
            return False
        if member.endswith("/type/ServiceAccount"):
            return self.lives_in(who, place_in(member))
        for kind, role in (
            ("projectOwner:", "roles/owner"),
            ("projectEditor:", "roles/editor"),
            ("projectViewer:", "roles/viewer"),
        ):
            if member.startswith(kind):
                return self.holds(who, role, "projects/" + member[len(kind) :])
        return member == who.member or member in who.sets

    def holds(self, who: Who, role: str, project: str) -> bool:
        """Tell whether the caller itself has a basic role on a project that is in use."""
        chain = self.chain(project)
        if not chain or not chain[0].active:
            return False
        return any(
            grant.role == role and grant.condition == "" and who.member in grant.members
            for level in chain
            for grant in level.bindings
        )

    def lives_in(self, who: Who, place: str) -> bool:
        """Tell whether the caller's project is, or is in, what has this name with its number."""
        return place in [
            level.name.split("/")[0] + "/" + level.number for level in self.chain(who.home)
        ]

    def denies_it(self, rule: Deny, asked: Question, chain: list[Level]) -> bool:
        """Tell whether a deny rule is against it."""
        return (
            rule.at in [level.name for level in chain]
            and any(self.denied_name(one, asked.who) for one in rule.principals)
            and not any(self.denied_name(one, asked.who) for one in rule.exempt)
            and any(matches(one, asked.permission) for one in rule.permissions)
            and not any(matches(one, asked.permission) for one in rule.exempt_permissions)
            and not (rule.condition != "" and asked.truth[rule.condition] is False)
        )

    def denied_name(self, principal: str, who: Who) -> bool:
        """Tell whether a principal identifier of a deny rule names the caller."""
        if principal == "principalSet://goog/public:all":
            return True
        if who.member == "":
            return False
        account = "principal://iam.googleapis.com/projects/-/serviceAccounts/"
        written = who.member.replace("serviceAccount:", account)
        if principal == written or principal in who.sets:
            return True
        if principal.endswith("/type/ServiceAccount"):
            return self.lives_in(
                who, principal.split("googleapis.com/")[1].split("/type/", maxsplit=1)[0]
            )
        return False

    def out_of_bounds(self, asked: Question, chain: list[Level]) -> bool:
        """Tell whether the caller is bound to other resources than this."""
        who = asked.who
        binding = [
            one
            for one in self.bound
            if who.member != ""
            and self.is_target(one.target, who)
            and not (one.condition != "" and asked.truth[one.condition] is False)
        ]
        if not binding:
            return False
        listed = [resource for one in binding for resource in one.resources]
        return not any(level.name in listed for level in chain)

    def is_target(self, target: str, who: Who) -> bool:
        """Tell whether the caller is in the set of principals that a binding binds."""
        if target.startswith("//iam.googleapis.com/"):
            return f"principalSet:{target}/*" in who.sets
        place = target.removeprefix("//cloudresourcemanager.googleapis.com/")
        if not self.chain(who.home):
            return place.startswith("organizations/")
        return self.lives_in(who, place)


def place_in(accounts: str) -> str:
    """Return the level of a set of service accounts."""
    return accounts.split("googleapis.com/")[1].split("/type/", maxsplit=1)[0]


def matches(pattern: str, permission: str) -> bool:
    """Tell whether `SERVICE.googleapis.com/RESOURCE.VERB`, with `*`, is about a permission."""
    service, rest = pattern.split(".googleapis.com/")
    resource, verb = rest.split(".")
    asked = permission.split(".")
    return asked[0] == service and resource in ("*", asked[1]) and verb in ("*", asked[2])
