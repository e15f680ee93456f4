"""Say what is going on while nothing else can be seen."""

from contextlib import AbstractContextManager, nullcontext

from rich.console import Console


def announce(text: str, show: bool) -> AbstractContextManager:
    """Show a spinner with `text` on standard error, on terminals and in notebooks."""
    if not show:
        return nullcontext()
    return Console(stderr=True).status(f"{text} ...")
