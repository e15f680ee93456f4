"""The door for settings: every number and name of the user is checked here, once."""

import numbers
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import numpy as np

from bayesgmm.dims import NOISE_NAME, UNDECIDED_NAME
from bayesgmm.errors import InputError, did_you_mean

# What random generators take.
LARGEST_SEED = 2**32 - 1


def check_choice(argument: str, value: Any, choices: Collection[str]) -> str:
    """Return `value` if it is one of `choices`, else say which one was meant."""
    if isinstance(value, str) and value in choices:
        return value
    raise InputError(
        argument, "be a known name", repr(value), did_you_mean(value, choices)
    )


def check_count(
    argument: str, value: Any, at_least: int = 1, remedy: str | None = None
) -> int:
    """Return `value` as an int of `at_least` or more."""
    is_integer = isinstance(value, numbers.Integral) and not isinstance(value, bool)
    if is_integer and int(value) >= at_least:
        return int(value)
    raise InputError(
        argument,
        f"be a whole number of {at_least} or more",
        repr(value),
        remedy or f"For example `{argument}={max(at_least, 2)}`.",
    )


def check_seed(random_seed: Any) -> int:
    """Return the user's seed, or a fresh one that can be recorded with the result."""
    if random_seed is None:
        return int(np.random.default_rng().integers(2**31))
    seed = check_count("random_seed", random_seed, at_least=0)
    if seed <= LARGEST_SEED:
        return seed
    raise InputError(
        "random_seed", f"be at most {LARGEST_SEED}", str(seed), "Choose a smaller one."
    )


def check_places(argument: str, wanted: Any, names: Sequence[str]) -> list[int]:
    """Return where the wanted ones stand among `names`; each is a name or a place."""
    several = not isinstance(wanted, str | numbers.Integral)
    places = [_place(argument, one, names) for one in (wanted if several else [wanted])]
    if places and len(set(places)) == len(places):
        return places
    raise InputError(
        argument,
        "name one or more, each once",
        f"{names[max(places, key=places.count)]!r} twice" if places else "none",
        f"Choose from {', '.join(map(repr, names))}.",
    )


def _place(argument, one, names):
    if not isinstance(one, numbers.Integral) or isinstance(one, bool):
        return names.index(check_choice(argument, one, names))
    place = int(one)
    if 0 <= place < len(names):
        return place
    raise InputError(
        argument,
        f"be names, or places from 0 to {len(names) - 1}",
        f"{one}",
        f"Choose from {', '.join(map(repr, names))}.",
    )


def check_names(names: Any, present: Sequence) -> tuple[str, ...]:
    """Return the names of all after some of them were given new ones.

    Parameters
    ----------
    names : dict or sequence of str
        From places or present names to new names; or the names of all.
    present : sequence
        What they are called now.
    """
    renamed = list(map(str, present))
    if isinstance(names, Mapping):
        places, new = check_places("names", names, renamed), list(names.values())
    else:
        places, new = range(len(renamed)), _all_names(names, len(renamed))
    for place, name in zip(places, new, strict=True):
        renamed[place] = name
    unfit = [name for name in renamed if not isinstance(name, str) or not name]
    repeated = [name for name in renamed if renamed.count(name) > 1]
    if unfit or repeated:
        raise InputError(
            "names",
            "give every component a text of its own",
            f"{(unfit or repeated)[0]!r}" + " twice" * (not unfit),
            'For example `{0: "short", 1: "long"}`.',
        )
    _check_free(renamed)
    return tuple(renamed)


def _check_free(names: Sequence[str]) -> None:
    """Refuse the names of rows that are of no component."""
    for name in (NOISE_NAME, UNDECIDED_NAME):
        if name in names:
            raise InputError(
                "names",
                "not be what rows of no component are called",
                repr(name),
                'Choose another, for example "background".',
            )


def _all_names(names: Any, n: int) -> list:
    is_list = isinstance(names, Sequence | np.ndarray) and not isinstance(names, str)
    if is_list and len(names) == n:
        return [str(name) if isinstance(name, np.str_) else name for name in names]
    raise InputError(
        "names",
        f"be a dict, or a list of {n} names",
        f"{len(names)} of them" if is_list else repr(names),
        'For example `{0: "short", 1: "long"}`.',
    )


def check_number(
    argument: str,
    value: Any,
    rule: str = "be a finite number",
    holds: Callable[[float], bool] = lambda _: True,
) -> float:
    """Return `value` as a float for which `holds` is true."""
    is_real = isinstance(value, numbers.Real) and not isinstance(value, bool)
    number = float(value) if is_real else np.nan
    if np.isfinite(number) and holds(number):
        return number
    raise InputError(argument, rule, repr(value), "Give one such number.")


def check_probability(argument: str, value: Any) -> float:
    """Return `value` as a float between 0 and 1, neither of the two."""
    return check_number(argument, value, "be between 0 and 1", lambda p: 0 < p < 1)


def check_share(argument: str, value: Any) -> float:
    """Return `value` as a float above 0 that is 1 at most."""
    rule = "be above 0 and at most 1"
    return check_number(argument, value, rule, lambda share: 0 < share <= 1)
