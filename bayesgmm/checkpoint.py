"""What was computed so far, in a file: asked again it is read and not computed.

EM, NUTS and Gibbs sampling are deterministic given a seed and the values of one pure
function, the pass over the data. A file that keeps these values is therefore all that
is needed to go on: the same algorithm runs again from its beginning, passes that are in
the file take no time, and the first one that is not is where it was stopped. Nothing
of the state of an algorithm has to be known, and what comes out has the same bits.
"""

import numbers
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, closing
from hashlib import sha256
from importlib.metadata import version
from io import BytesIO
from os import PathLike, fspath
from pathlib import Path
from threading import Lock
from typing import Any, Self

import joblib
import numpy as np
from numpy.typing import ArrayLike

from bayesgmm.atomic import check_writable_folder
from bayesgmm.errors import InputError

APPLICATION = 0x62676D6D  # "bgmm": a database of this package
TABLES = """
CREATE TABLE IF NOT EXISTS told (name TEXT PRIMARY KEY, value TEXT);
CREATE TABLE IF NOT EXISTS kept (
    stage TEXT, arguments BLOB, value BLOB, PRIMARY KEY (stage, arguments)
);
"""
LONGEST = 40
"""Characters of a setting that are shown as they are."""

Values = Mapping[str, Any]


class Checkpoint:
    """Keeps nothing; `open_checkpoint` of a path keeps everything."""

    def recall(
        self,
        stage: str,
        arguments: Sequence[ArrayLike],  # noqa: ARG002
        compute: Callable[[], Values],
    ) -> Values:
        """Return ``compute()``, from the file if it was computed before.

        Parameters
        ----------
        stage : str
            What is computed. No two functions may share the name.
        arguments : sequence of array-like
            All that the result depends on, beside what the file was told when it was
            opened. Numbers and texts, compared to the bit.
        compute : callable
            Returns arrays, numbers or texts by name. Must be a pure function of
            `arguments`.

        Returns
        -------
        dict of str to array
            Numbers and texts as arrays without dimensions. From a file or on their way
            into one: the same bits in the same layout.

        Notes
        -----
        May be called from several threads; they compute side by side.
        """
        del stage
        return compute()

    def seed(self, random_state: Any) -> int:
        """Return a seed; in a further try that of the first one.

        Parameters
        ----------
        random_state : int, None, RandomState or Generator
            An int is the seed; everything else draws one.
        """
        if isinstance(random_state, numbers.Integral):
            return int(random_state)
        return int(
            self.recall("seed", (), lambda: {"seed": _draw(random_state)})["seed"]
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error) -> None:
        pass


class FileCheckpoint(Checkpoint):
    """Keeps what is computed in a SQLite database; close it by ``with``.

    Every value is a transaction of its own: a process that is killed loses what it was
    computing then, and nothing else.

    Attributes
    ----------
    database : sqlite3.Connection
    """

    def __init__(self, database: sqlite3.Connection):
        self.database = database
        self._lock = Lock()  # chains are threads

    def recall(
        self,
        stage: str,
        arguments: Sequence[ArrayLike],
        compute: Callable[[], Values],
    ) -> Values:
        key = stage, _digest(arguments)
        with self._lock:
            found = self.database.execute(
                "SELECT value FROM kept WHERE stage = ? AND arguments = ?", key
            ).fetchone()
        if found is None:
            found = (_pack(compute()),)
            with self._lock, self.database:
                self.database.execute(
                    "INSERT OR IGNORE INTO kept VALUES (?, ?, ?)", (*key, *found)
                )
        return _unpack(found[0])

    def __exit__(self, *_error) -> None:
        self.database.close()


def open_checkpoint(
    path: str | PathLike[str] | None, told: Mapping[str, Any]
) -> Checkpoint:
    """Open a file that keeps what is computed, or nothing for None.

    Parameters
    ----------
    path : str, PathLike or None
        Made if it is not there.
    told : mapping of str to anything
        What decides the values beside the arguments of `Checkpoint.recall`: settings
        and data, by the names that a user knows. Arrays count by their bits.

    Returns
    -------
    Checkpoint
        A context manager.

    Raises
    ------
    InputError
        If the file is of another fit (what differs is named), of something else, in
        use, or cannot be written.
    """
    path = check_path(path)
    if path is None:
        return Checkpoint()
    check_writable_folder(path.parent, "checkpoint")
    told = {"bayesgmm": version("bayesgmm"), **told}
    try:
        database = sqlite3.connect(path, timeout=0, check_same_thread=False)
        with ExitStack() as stack:
            stack.enter_context(closing(database))
            _prepare(database)
            _compare(database, path, told)
            stack.pop_all()
    except sqlite3.Error as error:
        raise _refuse(path, error) from None
    return FileCheckpoint(database)


def check_path(path: Any) -> Path | None:
    """Return the path of a checkpoint; refuse what is none."""
    if path is None:
        return None
    if isinstance(path, str | PathLike) and isinstance(fspath(path), str):
        return Path(path)
    raise InputError(
        "checkpoint", "be None or a path", repr(path), "Name a file, say 'fit.ckpt'."
    )


def _prepare(database):
    """Make the tables; a process that was killed leaves a log that is read now."""
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    (mark,) = database.execute("PRAGMA application_id").fetchone()
    (n_tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if n_tables and mark != APPLICATION:
        raise sqlite3.DatabaseError("file is a database of something else")
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = NORMAL")
    database.execute(f"PRAGMA application_id = {APPLICATION}")
    database.executescript(TABLES)


def _compare(database, path, told):
    now = {name: _tell(value) for name, value in told.items()}
    then = dict(database.execute("SELECT name, value FROM told"))
    if not then:
        with database:
            database.executemany("INSERT INTO told VALUES (?, ?)", now.items())
        return
    differ = [
        f"{name} ({then.get(name, 'nothing')} there, {now.get(name, 'nothing')} here)"
        for name in {**then, **now}
        if then.get(name) != now.get(name)
    ]
    if differ:
        raise InputError(
            "checkpoint",
            "be a file of the same fit, or a new one",
            f"{str(path)!r}, of a fit that differs in {', '.join(differ)}",
            "Choose another file, or delete this one to begin anew.",
        )


def _refuse(path, error):
    busy = getattr(error, "sqlite_errorname", "") == "SQLITE_BUSY"
    why, remedy = str(error), "Choose another file."
    if busy:
        why, remedy = "another fit uses it", "Wait for that, or choose another file."
    return InputError(
        "checkpoint",
        "be a file that a checkpoint can be kept in",
        f"{str(path)!r} ({why})",
        remedy,
    )


def _tell(value: Any) -> str:
    """Return a value as text that differs where values do."""
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or isinstance(value, bool | int | float | str):
        shown = repr(value)
        if len(shown) <= LONGEST:
            return shown
    return f"{type(value).__name__} {str(joblib.hash(value, 'sha1'))[:8]}"


def _digest(arguments: Sequence[ArrayLike]) -> bytes:
    digest = sha256()
    for each in map(np.asarray, arguments):
        if each.dtype.hasobject:
            raise TypeError("arguments must be numbers or texts")
        digest.update(f"{each.dtype.str}{each.shape}".encode())
        digest.update(each.tobytes())
    return digest.digest()


def _pack(values: Values) -> bytes:
    packed = BytesIO()
    np.savez(packed, allow_pickle=False, **values)
    return packed.getvalue()


def _unpack(packed: bytes) -> dict[str, Any]:
    with np.load(BytesIO(packed), allow_pickle=False) as values:
        return {name: np.array(values[name], order="C") for name in values.files}


def _draw(random_state):
    match random_state:
        case np.random.Generator():
            return random_state.integers(2**32)
        case np.random.RandomState():
            return random_state.randint(2**32, dtype=np.uint32)
    return np.random.SeedSequence().generate_state(1)[0]
