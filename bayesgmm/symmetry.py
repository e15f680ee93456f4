"""Posterior draws as flat vectors, and what names of components do to these."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bayesgmm._typing import Floats

N_CHECKED = 20
TOLERANCE = 1e-6


class Density(Protocol):
    """A posterior but for its constant, in unconstrained vectors."""

    def flatten(self, values: dict[str, Floats]) -> Floats: ...

    def log_density(self, flat: Floats) -> Floats: ...


@dataclass(frozen=True, slots=True, eq=False)
class FlatPosterior:
    """Draws of an unnormalised density that may not know names of components.

    Attributes
    ----------
    draws : array of shape (n_chains, n_draws, n_free)
    log_densities : array of shape (n_chains, n_draws)
    density : Density
    orders : array of shape (n_orders, n_free + 1, n_free + 1)
        What the permutations of components do to vectors with a one appended. They
        leave the density as it is; only the identity where no others do.
    """

    draws: Floats
    log_densities: Floats
    density: Density
    orders: Floats

    @property
    def n_free(self) -> int:
        return self.draws.shape[-1]

    def halves(self) -> Iterator[tuple["FlatPosterior", "FlatPosterior"]]:
        """Yield halves of all chains: one to shape a proposal, one to judge it."""
        n = self.draws.shape[1] // 2
        first, last = self._part(slice(n)), self._part(slice(n, 2 * n))
        yield first, last
        yield last, first

    def _part(self, draws: slice) -> "FlatPosterior":
        return FlatPosterior(
            self.draws[:, draws],
            self.log_densities[:, draws],
            self.density,
            self.orders,
        )

    def reorder(self, flat: Floats) -> Iterator[Floats]:
        """Yield vectors (n, n_free) in every order of the components."""
        for order in self.orders:
            yield flat @ order[:-1, :-1] + order[-1, :-1]

    def standardise(self) -> tuple[Floats, Floats]:
        """Return the mean of the draws and the inverse root of their covariance."""
        flat = self.draws.reshape(-1, self.n_free)
        lower = np.linalg.cholesky(np.atleast_2d(np.cov(flat.T)))
        return flat.mean(axis=0), np.linalg.inv(lower).T

    def share_of_own_order(self) -> float:
        """Return how sure the order of a draw is: 1 where labellings lie apart.

        As if the draws were normal in the order that they have.
        """
        flat, (centre, whiten) = self.draws.reshape(-1, self.n_free), self.standardise()
        logs = [
            -0.5 * (((x - centre) @ whiten) ** 2).sum(axis=1)
            for x in self.reorder(flat)
        ]
        return float(np.exp(logs[0] - np.logaddexp.reduce(logs, axis=0)).mean())


def find_orders(density: Density, values, axes: dict[str, int], n_components: int):
    """Find what permutations of components do to flat vectors: affine maps.

    Parameters
    ----------
    density : Density
    values : dict of arrays
        Draws of the variables, along the first axis.
    axes : dict
        The axis of components of the variables that have one.
    n_components : int

    Returns
    -------
    array of shape (n_orders, n_free + 1, n_free + 1)
        The identity first; alone if the density knows the components by their order,
        or if another order of them has no vector.
    """
    flat = density.flatten(values)
    identity = np.eye(flat.shape[1] + 1)
    swaps = []
    for k in range(n_components - 1):
        order = np.arange(n_components)
        order[[k, k + 1]] = k + 1, k
        swapped = values | {
            name: np.take(values[name], order, axis=axis) for name, axis in axes.items()
        }
        swap = _affine(flat, density.flatten(swapped))
        if swap is None or not _keeps(density, swap, flat[:N_CHECKED]):
            return identity[None]
        swaps.append((order, swap))
    return _group(identity, swaps, n_components)


def _affine(flat: Floats, other: Floats) -> Floats | None:
    """Return the affine map of all rows to the others, None if there is none."""
    if not np.isfinite(other).all():
        return None
    centre, scale = flat.mean(axis=0), flat.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    rows = np.column_stack([(flat - centre) / scale, np.ones(len(flat))])
    linear = np.linalg.lstsq(rows[::2], other[::2], rcond=None)[0]
    if np.abs(rows @ linear - other).max() > TOLERANCE * (1 + np.abs(other).max()):
        return None
    result = np.eye(flat.shape[1] + 1)
    result[:-1, :-1] = linear[:-1] / scale[:, None]
    result[-1, :-1] = linear[-1] - (centre / scale) @ linear[:-1]
    return result


def _keeps(density: Density, swap: Floats, flat: Floats) -> bool:
    """Tell whether the density is the same after a swap."""
    before = density.log_density(flat)
    after = density.log_density(flat @ swap[:-1, :-1] + swap[-1, :-1])
    return bool((np.abs(after - before) <= TOLERANCE * (1 + np.abs(before))).all())


def _group(identity: Floats, swaps, n_components: int) -> Floats:
    """Compose swaps of neighbours to all permutations."""
    start = tuple(range(n_components))
    found, queue = {start: identity}, [start]
    for order in queue:
        for swap, matrix in swaps:
            new = tuple(np.array(order)[swap])
            if new not in found:
                found[new] = found[order] @ matrix
                queue.append(new)
    return np.array(list(found.values()))
