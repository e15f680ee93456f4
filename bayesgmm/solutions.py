"""Which chains describe the same distribution, and which are no sample of any.

Chains are compared by what labels cannot change. Robust statistics are used throughout,
the median and the median absolute deviation, so that a few wild draws decide nothing.
"""

import numpy as np

from bayesgmm._typing import Bools, Floats, Ints
from bayesgmm.invariants import AGREEMENT, LOG_LIKELIHOOD, cut
from bayesgmm.monte_carlo import effective_size

SEPARATION = 4.0
"""Chains at different solutions are at least so many of their spreads apart, which is
as far as a chain strays by chance; ``python -m benchmarks.verdicts`` prints how far
chains of one solution and of genuine modes are."""

STANDARD_ERRORS = 5.0
"""... and so many standard errors, so that short chains raise no alarm."""

FEWEST_EFFECTIVE = 10
"""Chains of fewer effective draws do not know these errors: about as long as they
remember, they seem to be worth more draws than they are."""

FEWEST_DRAWS = 20
"""Shorter chains, or parts of them, say too little about their spread to be judged."""

MOST_PARTS = 10
"""Into so many parts chains are cut, to see if one is unlike the rest."""

FROZEN = 1e-3
"""Where the spread of a chain is this small beside the others', it does not move."""

LEAST_SPREADS = {AGREEMENT: 0.01}
"""Where differences below a number say nothing, however narrow chains are."""

ROUNDING = 1e-9
"""Relative to a number: what summing in another order may change, and more."""

MAD_TO_SD = 1.4826  # of a normal distribution


def find_solutions(values: dict[str, Floats]) -> Ints:
    """Group chains that describe the same distribution.

    Parameters
    ----------
    values : dict
        Invariants, the log-likelihood first; each (n_chains, n_draws).

    Returns
    -------
    array of int, shape (n_chains,)
        The solution of each chain; 0 is the one with the highest log-likelihood. A
        chain that does not move is a solution of its own.
    """
    still = find_frozen(values) == 1.0
    differ = lie_apart(values) | (still[:, None] != still)
    solution, leaders = np.zeros(len(still), dtype=np.intp), []
    best_first = np.argsort(-np.median(values[LOG_LIKELIHOOD], axis=1), kind="stable")
    for chain in best_first:
        same = np.append(~differ[leaders, chain], True)
        solution[chain] = same.argmax()
        if solution[chain] == len(leaders):
            leaders.append(chain)
    return solution


def lie_apart(values: dict[str, Floats]) -> Bools:
    """Tell which chains are at different places, shape (n_chains, n_chains).

    They are where any value tells them apart by 4 spreads and 5 standard errors. Of
    log-likelihoods 5 standard errors are enough where no draw of one chain has one that
    any draw of the other has: a wide chain may hide a narrow one that it never visits.

    Parameters
    ----------
    values : dict
        As for `find_solutions`.
    """
    scores = values[LOG_LIKELIHOOD]
    n_chains, n_draws = scores.shape
    if n_draws < FEWEST_DRAWS:
        return np.zeros((n_chains, n_chains), dtype=bool)
    spreads, errors = distances(values)
    low, high = scores.min(axis=1), scores.max(axis=1)
    outside = (low[:, None] > high) | (high[:, None] < low)
    by_scores = outside & (errors[..., 0] > STANDARD_ERRORS)
    return by_scores | ((spreads > SEPARATION) & (errors > STANDARD_ERRORS)).any(-1)


def distances(values: dict[str, Floats]) -> tuple[Floats, Floats]:
    """Return how far chains lie apart, each (n_chains, n_chains, n_values).

    Parameters
    ----------
    values : dict
        As for `find_solutions`.

    Returns
    -------
    spreads : array
        The distance between their medians, in spreads of the wider chain.
    errors : array
        The same in its standard errors, zero where these are not known.
    """
    stacked = _stack(values)
    location, spread = describe(stacked)
    wide = np.maximum(spread, _typical(values, stacked))
    each = np.moveaxis(stacked, 1, -1)[..., None, :]
    sizes = effective_size(each, "bulk")
    sizes[(sizes < FEWEST_EFFECTIVE) & (spread > 0)] = 0.0
    with np.errstate(divide="ignore"):
        error = wide / np.sqrt(sizes)
    gap = np.abs(location[:, None] - location)
    scales = np.maximum(wide[:, None], wide), np.hypot(error[:, None], error)
    # A scale is zero only where all chains are at zero.
    spreads, errors = (gap / np.where(scale > 0, scale, 1.0) for scale in scales)
    return spreads, errors


def find_frozen(values: dict[str, Floats]) -> Floats:
    """Return for which share of its draws each chain does not move, shape (n_chains,).

    Parts of up to a tenth of a chain are looked at, of 20 draws or more: there is none
    in shorter chains.
    """
    stacked = _stack(values)
    n_parts = _count_parts(stacked.shape[1])
    if n_parts == 0:
        return np.zeros(len(stacked))
    spread = describe(cut(stacked, n_parts))[1].reshape(-1, n_parts, len(values))
    still = (spread <= FROZEN * _typical(values, stacked)).all(axis=-1)
    return still.mean(axis=1)


def find_repeats(values: dict[str, Floats]) -> Bools:
    """Tell which chains have the very draws of one before them, shape (n_chains,)."""
    scores = values[LOG_LIKELIHOOD]
    rounding = ROUNDING * np.abs(scores).max()
    same = (np.abs(scores[:, None] - scores) <= rounding).all(axis=-1)
    return np.tril(same, -1).any(axis=1)


def find_moves(values: dict[str, Floats]) -> Bools:
    """Tell which chains were elsewhere for a while.

    The log-likelihood of its second half is another solution's than that of the first,
    or that of a tenth of it is unlike the whole. Where components overlap partitions
    stray by nature, so they only tell of a chain that has no others beside it. Those
    that do not move for some of their draws are left to `find_frozen`.

    Parameters
    ----------
    values : dict
        As for `find_solutions`.

    Returns
    -------
    array of bool, shape (n_chains,)
    """
    scores = values[LOG_LIKELIHOOD]
    names = (LOG_LIKELIHOOD, AGREEMENT) if len(scores) == 1 else (LOG_LIKELIHOOD,)
    first = 2 * np.arange(len(scores))
    apart = lie_apart({name: cut(values[name], 2) for name in names})
    moved = apart[first, first + 1] | _find_strays(scores)
    return moved & (find_frozen(values) == 0.0)


def _find_strays(scores: Floats) -> Bools:
    """Tell in which chains a tenth is far from the whole."""
    n_chains, n_draws = scores.shape
    n_parts = _count_parts(n_draws)
    if n_parts < 2:
        return np.zeros(n_chains, dtype=bool)
    location, spread = describe(scores)
    wide = np.maximum(spread, np.median(spread))
    sizes = effective_size(scores[:, None], "bulk") / n_parts
    error = wide / np.sqrt(np.maximum(sizes, 1.0))
    parts = describe(cut(scores, n_parts))[0].reshape(n_chains, n_parts)
    apart = np.abs(parts - location[:, None]).max(axis=1)
    return apart > np.maximum(SEPARATION * wide, STANDARD_ERRORS * error)


def describe(values: Floats) -> tuple[Floats, Floats]:
    """Return the location and the spread of chains, (n_chains, n_draws, ...)."""
    location = np.median(values, axis=1)
    deviation = np.abs(values - location[:, None])
    return location, MAD_TO_SD * np.median(deviation, axis=1)


def _typical(values: dict[str, Floats], stacked: Floats) -> Floats:
    """Return the spread of a typical chain, or what is too little to matter."""
    location, spread = describe(stacked)
    least = [LEAST_SPREADS.get(name, 0.0) for name in values]
    rounding = ROUNDING * np.abs(location).max(axis=0)
    return np.maximum(np.median(spread, axis=0), np.maximum(rounding, least))


def _stack(values: dict[str, Floats]) -> Floats:
    """Return all values as one array, (n_chains, n_draws, n_values)."""
    return np.stack(list(values.values()), axis=-1)


def _count_parts(n_draws: int) -> int:
    return min(MOST_PARTS, n_draws // FEWEST_DRAWS)
