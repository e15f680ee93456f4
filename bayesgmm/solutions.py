"""Which chains describe the same distribution, and which left their own for a while."""

import numpy as np

from bayesgmm._typing import Bools, Floats, Ints
from bayesgmm.invariants import AGREEMENT, LOG_LIKELIHOOD, halves

SEPARATION = 4.0
"""Chains at different solutions are at least so many of their spreads apart.

In simulations with a Gibbs sampler the agreement of partitions told genuine modes apart
by 24 and more, and slow chains of overlapping components, 88 runs, raised no alarm.
"""

STANDARD_ERRORS = 5.0
"""... and so many standard errors, so that short chains raise no alarm."""

FEWEST_DRAWS = 20
"""Shorter chains, or parts of them, say too little about their spread to be judged."""

MOST_PARTS = 10
"""Into so many parts chains are cut, to see if one is unlike the rest."""

FROZEN = 1e-3
"""A chain whose spread is this small beside the others' does not move."""

LEAST_SPREADS = {AGREEMENT: 0.01}
"""Where differences below a number say nothing, however narrow chains are."""

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
    stacked = _stack(values)
    if stacked.shape[1] < FEWEST_DRAWS:
        return np.zeros(len(stacked), dtype=np.intp)
    location, spread = _describe(stacked)
    scale = np.maximum(np.median(spread, axis=0), _least(values, location))
    wide, frozen = np.maximum(spread, scale), find_frozen(values)
    error = wide / np.sqrt(chain_sizes(stacked))
    # A wide chain hides no other whose log-likelihoods it never had.
    low, high = stacked[..., 0].min(axis=1), stacked[..., 0].max(axis=1)
    solution, leaders = np.zeros(len(location), dtype=np.intp), []
    for chain in np.argsort(-location[:, 0], kind="stable"):
        apart = np.abs(location[leaders] - location[chain])
        errors = STANDARD_ERRORS * np.hypot(error[leaders], error[chain])
        spreads = SEPARATION * np.maximum(wide[leaders], wide[chain])
        differ = (apart > np.maximum(spreads, errors)).any(axis=1)
        outside = (low[leaders] > high[chain]) | (high[leaders] < low[chain])
        differ |= outside & (apart[:, 0] > errors[:, 0])
        same = ~differ & (frozen[leaders] == frozen[chain])
        solution[chain] = np.append(same, True).argmax()
        if not same.any():
            leaders.append(chain)
    return solution


def find_frozen(values: dict[str, Floats]) -> Bools:
    """Tell which chains do not move where others do, shape (n_chains,)."""
    stacked = _stack(values)
    location, spread = _describe(stacked)
    scale = np.maximum(np.median(spread, axis=0), _least(values, location))
    long = stacked.shape[1] >= FEWEST_DRAWS
    return long & (spread <= FROZEN * scale).all(axis=1)


def find_moves(values: dict[str, Floats]) -> Bools:
    """Tell which chains were elsewhere for a while.

    The log-likelihood of its second half is another solution's than that of the first,
    or that of a tenth of it is unlike the whole. Where components overlap partitions
    stray by nature, so they only tell of a chain that has no others beside it.

    Parameters
    ----------
    values : dict
        As for `find_solutions`.

    Returns
    -------
    array of bool, shape (n_chains,)
    """
    alone = len(values[LOG_LIKELIHOOD]) == 1
    names = (LOG_LIKELIHOOD, AGREEMENT) if alone else (LOG_LIKELIHOOD,)
    told = {name: values[name] for name in names}
    solution = find_solutions({name: halves(value) for name, value in told.items()})
    first, second = solution.reshape(-1, 2).T
    return (first != second) | _find_strays(told[LOG_LIKELIHOOD])


def _find_strays(value: Floats) -> Bools:
    """Tell in which chains a tenth is far from the whole."""
    n_chains, n_draws = value.shape
    n = min(MOST_PARTS, n_draws // FEWEST_DRAWS)
    if n < 2:
        return np.zeros(n_chains, dtype=bool)
    location, spread = _describe(value)
    wide = np.maximum(spread, np.median(spread))
    sizes = chain_sizes(value[..., None])[:, 0]
    error = wide / np.sqrt(np.maximum(sizes / n, 1.0))
    tenths = value[:, : n_draws // n * n].reshape(n_chains, n, -1)
    apart = np.abs(np.median(tenths, axis=2) - location[:, None])
    limit = np.maximum(SEPARATION * wide, STANDARD_ERRORS * error)
    return (apart > limit[:, None]).any(axis=1)


def _stack(values: dict[str, Floats]) -> Floats:
    """Return all values as one array, (n_chains, n_draws, n_values)."""
    return np.stack(list(values.values()), axis=-1)


def _describe(stacked: Floats) -> tuple[Floats, Floats]:
    """Return the location and the spread of every chain, (n_chains, n_values)."""
    location = np.median(stacked, axis=1)
    deviation = np.abs(stacked - location[:, None])
    return location, MAD_TO_SD * np.median(deviation, axis=1)


def _least(values, location) -> Floats:
    """Return what is rounding, or too little to matter, of each value."""
    least = [LEAST_SPREADS.get(name, 0.0) for name in values]
    return np.maximum(1e-9 * np.abs(location).max(axis=0), least)


def chain_sizes(stacked: Floats) -> Floats:
    """Return effective numbers of draws of each chain alone, (n_chains, n_values)."""
    from arviz_stats.base.array import array_stats

    with np.errstate(divide="ignore", invalid="ignore"):
        sizes = array_stats.ess(stacked[:, None], chain_axis=1, draw_axis=2)
    return np.clip(np.nan_to_num(sizes, nan=1.0), 1.0, stacked.shape[1])
