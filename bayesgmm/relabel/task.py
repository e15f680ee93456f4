"""What a method of relabelling is given, and what it answers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from bayesgmm._typing import Floats, Ints

Blocks = Callable[[], Iterator[tuple[Any, Floats]]]


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """Components of many draws that may change places, and what to make them like.

    What takes time or memory is a function, called by the methods that need it.

    Attributes
    ----------
    n_components : int
    X : array of shape (n_observations, n_features)
        NaN where values are missing.
    pivot : array of int, shape (n_observations,)
        A partition of these rows, whose labels the components are to carry.
    blocks : callable
        Each call walks once over (rows, responsibilities of shape (n_samples, n_rows,
        n_components)).
    parameters : callable
        Returns those of every draw (n_samples, n_components, n_parameters) and of the
        pivot (n_components, n_parameters), in units of their posterior sd.
    """

    n_components: int
    X: Floats
    pivot: Ints
    blocks: Blocks
    parameters: Callable[[], tuple[Floats, Floats]]


@dataclass(frozen=True, slots=True, eq=False)
class Relabelling:
    """What a method found.

    Attributes
    ----------
    permutations : array of int, shape (n_samples, n_components)
        Component k of a relabelled draw is the draw's own ``permutations[t, k]``.
    confidence : array of shape (n_samples,)
        From 0 (another permutation is as good) to 1 (the draw separates its
        components as clearly as the target does).
    objective : float
        What the method minimised, summed over draws.
    is_permutation : array of bool, shape (n_samples,), or None
        Whether the components of a draw went to different clusters, where a method
        lets them go to the same.
    """

    permutations: Ints
    confidence: Floats
    objective: float
    is_permutation: Any = None


class Target(NamedTuple):
    """What draws are to be made like.

    Attributes
    ----------
    kind : str
    names : sequence or None
        Of components; None leaves those that the posterior has.
    find : callable
        Returns the `Relabelling` of some of the components, given their places, None
        where nothing tells them apart.
    """

    kind: str
    names: Any
    find: Callable[[Ints], Relabelling | None]
