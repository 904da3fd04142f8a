"""What everybody may do, as a table: the expectation of `test_matrix.py`, written down without a look at the code.

A row has a letter for each pair of levels, control plane first; `COLUMNS` says in which order. `Y` works, `-` is refused
with 42501, `?` is not found (42P01 for an index), `0` works and reaches no row.
"""

from dataclasses import dataclass

COLUMNS = ("ww", "wr", "wn", "rw", "rr", "rn", "nw", "nr", "nn")

REFUSED = "-" * 9

# What a function does, and whether its target is in reach of who calls it. `part`: only some namespaces of the index are;
# `hidden`: another namespace of that index is meant.
FUNCTIONS = {
    ("describe", "in"): "YYYYYY---",
    ("describe", "part"): "YYYYYY---",
    ("describe", "out"): "??????---",
    ("has", "in"): "YYYYYY---",
    ("has", "part"): "YYYYYY---",
    ("has", "out"): "000000---",
    ("create", "in"): "YYY------",
    ("create", "limited"): REFUSED,
    ("change", "in"): "YYY------",
    ("change", "part"): REFUSED,
    ("change", "out"): "???------",
    ("read", "in"): "YY-YY-YY-",
    ("read", "hidden"): REFUSED,
    ("read", "out"): "??-??-??-",
    ("write", "in"): "Y--Y--Y--",
    ("write", "hidden"): REFUSED,
    ("write", "out"): "?--?--?--",
}

# The same in SQL on the table of an index, logged in or pooled: privileges on the tables in the key's scope, as the server or the
# library judges them, and policies on their rows.
SQL = {
    ("select", "in"): "YY-YY-YY-",
    ("select", "hidden"): "00-00-00-",
    ("select", "out"): REFUSED,
    ("insert", "in"): "Y--Y--Y--",
    ("insert", "hidden"): REFUSED,
    ("insert", "out"): REFUSED,
    ("update", "in"): "Y--Y--Y--",
    ("update", "hidden"): "0--0--0--",
    ("update", "out"): REFUSED,
    ("merge", "in"): "Y--Y--Y--",
    ("merge", "hidden"): "0--0--0--",
    ("merge", "out"): REFUSED,
    ("move", "in"): "Y--Y--Y--",
    ("move", "part"): REFUSED,
    ("move", "out"): REFUSED,
    ("copy from", "in"): "X--X--X--",
    ("copy from", "out"): REFUSED,
    ("ddl", "in"): REFUSED,
    ("ddl", "out"): REFUSED,
}
# Whoever owns all projects has privileges on all tables, and acts in one project at a time.
ELSEWHERE = {"select": "0", "insert": "-", "update": "0", "merge": "0", "move": "0", "copy from": "X", "ddl": "-"}

# Who may administer what: people's roles on project `own`, or on the organisation.
ORG = ("OrgOwner", "OrgManager", "OrgMember", "OrgBillingAdmin")
KEEPERS = {"OrgOwner", "ProjectOwner", "ProjectManager"}
MEMBERS = {"OrgOwner", "OrgManager", "ProjectOwner"}
ADMIN = {
    "create project": {"OrgOwner", "OrgManager"},
    "delete project": {"OrgOwner", "OrgManager"},
    "keys": KEEPERS,
    "list keys": KEEPERS | {"ProjectMember"},
    "keys of other": {"OrgOwner"},
    "members": MEMBERS,
    "members of other": {"OrgOwner", "OrgManager"},
    "organisation": {"OrgOwner"},
    "audit": MEMBERS,
}
LEVELS = {
    "OrgOwner": "ww",
    "OrgManager": "nn",
    "OrgMember": None,
    "OrgBillingAdmin": None,
    "ProjectOwner": "ww",
    "ProjectManager": "ww",
    "ProjectMember": "rr",
    "ProjectEditor": "ww",
    "ProjectViewer": "rr",
    "ControlPlaneEditor": "wn",
    "ControlPlaneViewer": "rn",
    "DataPlaneEditor": "nw",
    "DataPlaneViewer": "nr",
}


@dataclass(frozen=True)
class Who:
    """Somebody in a session. `levels` is None for one who was given nothing; `role` is that of a person."""

    name: str
    levels: str | None
    scope: str = "project"
    path: str = "login"
    role: str | None = None

    @property
    def is_key(self) -> bool:
        """An API key, or a pooled session without one."""
        return self.path == "pooled" or self.role is None


def reach(who: Who, index: str, namespace: str | None = None) -> str:
    """How far somebody of project `own` gets to an index: a and b are its own, c is of another project."""
    if index not in ("a", "b") or who.scope != "project" and index != "a":
        return "out"
    if who.scope != "namespace":
        return "in"
    if namespace is None:
        return "part"
    return "in" if namespace == "n1" else "hidden"


def _letter(who: Who, row: str) -> str:
    return row[COLUMNS.index(who.levels)]


def function(who: Who, does: str, index: str, namespace: str | None = None) -> str:
    """A function of the API on an index, or on a namespace of it."""
    if who.levels is None:
        return "28000" if who.path == "pooled" else "-"
    if does == "create":
        return _letter(who, FUNCTIONS[does, "in" if who.scope == "project" else "limited"])
    near = reach(who, index, namespace)
    if (does, near) == ("read", "part"):
        near = "in"  # a count of what there is to be seen
    return _letter(who, FUNCTIONS[does, near])


def raw(who: Who, does: str, index: str, namespace: str | None = None) -> str:
    """A statement on the table of an index."""
    if who.levels is None:
        return "-"
    if does in ("explain", "explain write"):
        if _in_part(who):
            return "-"
        near = reach(who, index)
        if who.role == "OrgOwner":
            near = "in"
        return _letter(who, SQL["select" if does == "explain" else "update", near])
    near = reach(who, index, namespace)
    if does != "move" and near == "part" or does in ("copy from", "ddl") and near == "hidden":
        near = "in"
    if near == "part" and who.scope != "namespace":
        near = "in"
    if who.role == "OrgOwner" and near == "out":
        return "Y" if does == "lock" else ELSEWHERE[does]
    if does == "lock":
        does = "ddl" if who.is_key else "update"
    return _letter(who, SQL[does, near])


def counters(who: Who) -> str:
    """The server's counters of the rows and pages that scans have read."""
    return "-" if _in_part(who) else "Y"


def _in_part(who: Who) -> bool:
    """Whether somebody reads tables in part, and is shown neither plans nor counters."""
    return who.scope == "namespace" or who.path == "pooled" and who.levels is None


def admin(who: Who, does: str) -> str:
    """Keys administer nothing."""
    if who.levels is None and who.path == "pooled":
        return "28000"
    return "Y" if who.role in ADMIN[does] else "-"


def shown(who: Who) -> int:
    """How many indexes somebody with a level on the control plane is shown."""
    return 2 if who.scope == "project" else 1
