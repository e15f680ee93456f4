"""What the package says when something is wrong: one error, a few warnings."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from difflib import get_close_matches

from sklearn.exceptions import ConvergenceWarning as _SklearnConvergenceWarning


class InputError(ValueError):
    """An argument was refused before anything was computed.

    Parameters
    ----------
    argument : str
        Name of the argument, as the user wrote it.
    rule : str
        What it must be, for example ``"be finite"``.
    got : str
        What it was instead, with its place.
    remedy : str
        What to do now, a whole sentence.
    """

    def __init__(self, argument: str, rule: str, got: str, remedy: str):
        self.argument, self.rule, self.got, self.remedy = argument, rule, got, remedy
        super().__init__(f"`{argument}` must {rule}; got {got}. {remedy}")

    def __reduce__(self):
        return type(self), (self.argument, self.rule, self.got, self.remedy)


class InputTypeError(InputError, TypeError):
    """An argument holds objects that are no numbers; scikit-learn's `TypeError`."""


class ChunkError(RuntimeError):
    """A chunk of lazy data cannot be read; the message says which."""


class ConvergenceWarning(_SklearnConvergenceWarning):
    """A fit ended before it converged; the message says where it stands."""


class CollapseWarning(UserWarning):
    """A component, or all data, have no spread in some direction; the message says."""


class PosteriorWarning(UserWarning):
    """A posterior should not be used as it is; the message says why."""


class UncertaintyWarning(UserWarning):
    """Standard errors or replicates are missing or doubtful; the message says why."""


def did_you_mean(got: object, choices: Iterable[str]) -> str:
    """Return a sentence that lists the choices, the closest one first named."""
    choices = list(choices)
    listed = ", ".join(repr(choice) for choice in choices)
    close = get_close_matches(str(got), choices, n=1)
    return (
        f"Did you mean {close[0]!r}? " if close else ""
    ) + f"Choose one of {listed}."


@contextmanager
def called(argument: str) -> Iterator[None]:
    """Let a check that another function has speak of an argument as the user wrote it.

    Parameters
    ----------
    argument : str
    """
    try:
        yield
    except InputError as error:
        said = error.rule, error.got, error.remedy
        raise type(error)(argument, *said) from None
