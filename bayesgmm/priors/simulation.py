"""What priors on weights say about groups of rows, before any data."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from scipy.special import xlogy

from bayesgmm._typing import Floats, Ints
from bayesgmm.priors.sizes import SizesPrior
from bayesgmm.priors.weights import WeightsPrior

if TYPE_CHECKING:
    import pandas as pd

# Components beyond these, counted from the largest, are not looked at one by one.
MOST_SHARES = 12
# More numbers than these are not told one by one.
MOST_LISTED = 6
QUANTILES = (0.05, 0.5, 0.95)
# How many counts are held at a time.
BLOCK = 2**20
# A prior on the number of components is cut where this much is left in its far half.
NEGLIGIBLE, LARGEST = 1e-6, 2**14


class Grouping(NamedTuple):
    """Partitions of rows, summarised; the first axis is that of draws.

    Attributes
    ----------
    n_filled : array of int, shape (n_draws,)
        Components that have rows.
    shares : array of shape (n_draws, n_shares)
        What part of the rows the largest component has, the second, ...
    entropy : array of shape (n_draws,)
        Of the shares, in nats.
    """

    n_filled: Ints
    shares: Floats
    entropy: Floats


@dataclass(frozen=True, slots=True, eq=False)
class PriorSimulation:
    """What a prior says about groups of rows, before any data.

    Attributes
    ----------
    n_observations : int
    n_components : array of int, shape (n_draws,)
        How many components the mixture has, filled or not.
    n_filled, shares, entropy : arrays
        As in `Grouping`.
    together : float
        Probability that two rows are of one component, ``E[sum(weights**2)]``. Exact,
        but for an average over draws of the concentration where this is not known.
    """

    n_observations: int
    n_components: Ints
    n_filled: Ints
    shares: Floats
    entropy: Floats
    together: float

    @property
    def filled_probabilities(self) -> Floats:
        """Probabilities of 1, 2, ... filled components, up to the most drawn."""
        return frequencies(self.n_filled)

    @property
    def table(self) -> "pd.DataFrame":
        """One row a quantity, with its mean and 5, 50 and 95 % quantiles."""
        import pandas as pd

        rows = {
            "n_components": self.n_components,
            "n_filled": self.n_filled,
            "entropy": self.entropy,
        }
        rows |= {f"share {i + 1}": share for i, share in enumerate(self.shares.T)}
        values = np.stack([array.astype(np.float64) for array in rows.values()])
        summary = np.vstack([values.mean(1), np.quantile(values, QUANTILES, axis=1)])
        columns = ["mean", *(f"{q:.0%}" for q in QUANTILES)]
        return pd.DataFrame(summary.T, index=list(rows), columns=columns)

    def plot(self, posterior: Any = None, ax: Any = None):
        """Plot numbers and sizes of groups; see `bayesgmm.plot_prior`.

        Parameters
        ----------
        posterior : xarray.DataTree, optional
            To stand beside the prior.
        ax : pair of matplotlib Axes, optional

        Returns
        -------
        matplotlib.figure.Figure
        """
        from bayesgmm.plots.prior import plot_prior

        return plot_prior(self, posterior, ax=ax)

    def __str__(self) -> str:
        return "\n".join(
            [
                f"Before any data, of {self.n_observations:,} rows:",
                f"components         {_numbers(self.n_components)}",
                f"filled components  {_numbers(self.n_filled)}",
                f"their sizes        {_sizes(self.shares)}",
                f"two rows together  {self.together:.3g}",
                f"entropy            {_spread(self.entropy)}",
            ]
        )


def simulate(
    rng,
    weights: WeightsPrior,
    sizes: SizesPrior | int,
    n_observations: int,
    n_draws: int,
) -> PriorSimulation:
    """Draw partitions of rows from priors on weights and on how many these are.

    Parameters
    ----------
    rng : numpy.random.Generator
    weights : Dirichlet or StickBreaking
    sizes : prior on the number of components, or that number
    n_observations, n_draws : int

    Returns
    -------
    PriorSimulation
    """
    probabilities = _size_probabilities(sizes)
    n_components = 1 + rng.choice(len(probabilities), n_draws, p=probabilities)
    concentration = np.zeros(n_draws)
    n_filled, entropy = np.empty(n_draws, dtype=np.int64), np.empty(n_draws)
    shares = np.zeros((n_draws, min(MOST_SHARES, n_components.max())))
    for k, at in _blocks(n_components):
        drawn = weights.draw(rng, len(at), k)
        concentration[at] = drawn.get("concentration", 0.0)
        part = group_rows(rng, drawn["weights"], n_observations)
        n_filled[at], entropy[at] = part.n_filled, part.entropy
        shares[at, : part.shares.shape[1]] = part.shares
    known = weights.hyperprior is None
    together = _together(weights, probabilities, None if known else concentration)
    return PriorSimulation(
        n_observations, n_components, n_filled, shares, entropy, together
    )


def group_rows(rng, weights: Floats, n_observations: int) -> Grouping:
    """Draw how many rows each component gets: counts, however many rows there are.

    Parameters
    ----------
    rng : numpy.random.Generator
    weights : array of shape (n_draws, n_components)
    n_observations : int
    """
    counts = np.sort(rng.multinomial(n_observations, weights), axis=1)[:, ::-1]
    shares = counts / n_observations
    entropy = np.abs(xlogy(shares, shares).sum(axis=1))
    return Grouping((counts > 0).sum(axis=1), shares[:, :MOST_SHARES], entropy)


def frequencies(numbers: Ints) -> Floats:
    """Return how often 1, 2, ... are among the numbers, up to the largest of them."""
    return np.bincount(numbers)[1:] / len(numbers)


def _size_probabilities(sizes) -> Floats:
    """Return probabilities of 1, 2, ... components, without a negligible tail."""
    if isinstance(sizes, int):
        return np.eye(sizes)[-1]
    n = 64
    while True:
        # Not a number where the prior begins later.
        with np.errstate(invalid="ignore"):
            probabilities = np.exp(sizes.log_probabilities(n))
        if probabilities[n // 2 :].sum() < NEGLIGIBLE or n >= LARGEST:
            return probabilities / probabilities.sum()
        n *= 2


def _blocks(n_components):
    """Yield numbers of components, and some of the draws that have it."""
    for k in np.unique(n_components):
        at = np.flatnonzero(n_components == k)
        for part in np.array_split(at, -(-len(at) * k // BLOCK)):
            yield int(k), part


def _together(weights, probabilities, concentration) -> float:
    sizes = np.flatnonzero(probabilities) + 1
    means = [np.mean(weights.together(int(k), concentration)) for k in sizes]
    return float(probabilities[sizes - 1] @ means)


def _numbers(values: Ints) -> str:
    """Say how probable each number is, or where most are if they are many."""
    probabilities = frequencies(values)
    if len(probabilities) == values.min():
        return f"{values.min()}"
    shown = [f"{k}: {p:.1%}" for k, p in enumerate(probabilities, start=1) if p >= 1e-3]
    return _spread(values) if len(shown) > MOST_LISTED else ", ".join(shown)


def _sizes(shares) -> str:
    """Say of the largest what their share is."""
    each = [_spread(share, "{:.0%}") for share in shares.T if share.mean() >= 0.005]
    return ", ".join(each[:MOST_LISTED]) + ", ..." * (len(each) > MOST_LISTED)


def _spread(values, form="{:.3g}") -> str:
    """Say the mean, and where nine in ten are."""
    numbers = values.mean(), *np.quantile(values, QUANTILES[::2])
    return "{} ({} to {})".format(*map(form.format, numbers))
