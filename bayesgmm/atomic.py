"""Writing files so that none is ever half written."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bayesgmm.errors import InputError


def check_writable_folder(path: str | Path, argument: str = "directory") -> Path:
    """Make a folder if it is not there; refuse it if no file can be put into it.

    Called before anything is computed, so that no result is lost for want of a place.
    """
    folder = Path(path)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(
            argument,
            "be a folder that can be written to",
            f"{str(folder)!r} ({error.strerror})",
            "Choose another folder or change its permissions.",
        ) from None
    return folder


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Yield a path beside `path` to write to; it replaces `path` if all went well."""
    path = Path(path)
    handle, beside = tempfile.mkstemp(
        prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent
    )
    os.close(handle)
    try:
        yield Path(beside)
        os.chmod(beside, 0o666 & ~_umask())
        os.replace(beside, path)
    finally:
        Path(beside).unlink(missing_ok=True)


@contextmanager
def replacing_folder(path: str | Path) -> Iterator[Path]:
    """Yield a path for a folder to make; it replaces `path` if all went well."""
    path = Path(path)
    with tempfile.TemporaryDirectory(prefix=f".{path.stem}-", dir=path.parent) as aside:
        beside = Path(aside) / "new"
        yield beside
        if path.exists():
            os.replace(path, Path(aside) / "old")
        os.replace(beside, path)


def _umask() -> int:
    """Return the mask of new files; it can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
