"""Arrays in, arrays out: the passes over the data. Numba and NumPy only.

Numba keeps machine code on disk and looks only at the file of the function that was
called: after an edit, or an upgrade, of a function that it calls in another file, it
would run the old code without a word. So the folder's code is kept with a mark of all
its sources, and thrown away when the mark is of others.
"""

from hashlib import sha256
from pathlib import Path

_FOLDER = Path(__file__).parent
_CACHE = _FOLDER / "__pycache__"
_MARK = _CACHE / "sources.sha256"

SOURCES = sha256(
    b"".join(path.read_bytes() for path in sorted(_FOLDER.glob("*.py")))
).hexdigest()


def _forget_machine_code_of_other_sources() -> None:
    try:
        if _MARK.exists() and _MARK.read_text() == SOURCES:
            return
        _CACHE.mkdir(exist_ok=True)
        for path in _CACHE.glob("*.nb[ci]"):
            path.unlink(missing_ok=True)
        _MARK.write_text(SOURCES)
    except OSError:  # a folder that cannot be written holds no cache either
        return


_forget_machine_code_of_other_sources()
