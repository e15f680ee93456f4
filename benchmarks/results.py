"""What a comparison found: rows of one shape, kept in a file each.

The page is made of these files, so a run that was interrupted, or one peer that was
installed later, costs no other comparison again.
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table.

    Attributes
    ----------
    what : str
        The task.
    peer : str
        With whom it was compared; empty if with nobody.
    ours, theirs : float or None
        In `unit`.
    unit : str
    ratio : float or None
        How many times better ours is.
    goal : float or None
        Of the ratio.
    facts : dict of str to str
        Further columns.
    """

    what: str
    peer: str
    ours: float
    theirs: float | None
    unit: str
    ratio: float | None
    goal: float | None = None
    facts: dict[str, str] = field(default_factory=dict)


def by_time(what, peer, ours, theirs, goal=None, /, **facts: object) -> Row:
    """Return the row of a task that took both sides so many seconds."""
    told = {name: str(value) for name, value in facts.items()}
    return Row(what, peer, ours, theirs, "s", theirs / ours, goal, told)


def by_rate(what, peer, ours, theirs, unit, goal=None, /, **facts: object) -> Row:
    """Return the row of a task of which both sides do so much in a second."""
    told = {name: str(value) for name, value in facts.items()}
    return Row(what, peer, ours, theirs, unit, ours / theirs, goal, told)


def alone(what, ours, unit="s", /, **facts: object) -> Row:
    """Return the row of a task that no peer was set."""
    told = {name: str(value) for name, value in facts.items()}
    return Row(what, "", ours, None, unit, None, None, told)


@dataclass(frozen=True, slots=True)
class Result:
    """What one comparison found.

    Attributes
    ----------
    name : str
        Of the comparison.
    date : str
    minutes : float
        How long it took.
    machine, peers : dict of str to str
        Facts, and the versions of the peer.
    rows : list of Row
    """

    name: str
    date: str
    minutes: float
    machine: dict[str, str]
    peers: dict[str, str]
    rows: list[Row]


def save(result: Result, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    text = json.dumps(asdict(result), indent=1, ensure_ascii=False)
    (folder / f"{result.name}.json").write_text(text + "\n", "utf-8")


def load(name: str, folder: Path) -> Result | None:
    """Return what a comparison found when it last ran, None if it never did."""
    path = folder / f"{name}.json"
    if not path.exists():
        return None
    told = json.loads(path.read_text("utf-8"))
    return Result(**told | {"rows": [Row(**row) for row in told["rows"]]})
