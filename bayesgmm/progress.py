"""Say what is going on while nothing else can be seen."""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext

from rich.console import Console
from rich.progress import track as _track


def announce(text: str, show: bool) -> AbstractContextManager:
    """Show a spinner with `text` on standard error, on terminals and in notebooks."""
    if not show:
        return nullcontext()
    return Console(stderr=True).status(f"{text} ...")


def track[Item](
    items: Iterable[Item], total: int, text: str, show: bool
) -> Iterator[Item]:
    """Yield the items and show a bar on standard error, if somebody can see it."""
    console = Console(stderr=True)
    seen = console.is_terminal or console.is_jupyter
    hidden = not (show and seen)
    yield from _track(items, text, total, console=console, disable=hidden)
