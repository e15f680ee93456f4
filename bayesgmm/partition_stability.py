"""Would other rows, or another chain, divide the rows in the same way?"""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from sklearn.base import clone

from bayesgmm._typing import Floats, Ints
from bayesgmm.arguments import check_count, check_seed
from bayesgmm.blocks import by_row, responsibilities_of
from bayesgmm.dims import CHAIN, COMPONENT
from bayesgmm.em import Status
from bayesgmm.errors import CollapseWarning, ConvergenceWarning, InputError
from bayesgmm.intervals import INTERVAL_PROBABILITY, equal_tails
from bayesgmm.naming import component_name
from bayesgmm.partitions.losses import partition_distance
from bayesgmm.posterior import read_draws
from bayesgmm.progress import track
from bayesgmm.validation import Table, check_sample_weight, check_table

EM = "EM"
N_STARTS = 3
"""Of a refit, at most: after them splits and merges go on searching."""
DISSOLVED, STABLE = 0.5, 0.75
"""Of the Jaccard similarity: Hennig's rules of thumb."""


@dataclass(frozen=True, slots=True, eq=False)
class Stability:
    """How alike the partitions of refits and of chains are; from `partition_stability`.

    Attributes
    ----------
    agreement : array of shape (n_refits,)
        Adjusted Rand index between EM's partition of the rows and that of each refit: 1
        if they are the same, about 0 if they agree by chance only.
    groups : pandas.DataFrame
        One row a component of EM: its ``rows``, and how well refits found it again:
        ``similarity``, the mean of its Jaccard similarity to the closest group of a
        refit, with ``lower`` and ``upper`` end of the 90% interval over refits, and
        ``dissolved``, the share of refits in which it is 0.5 or below. NaN if the
        component is the likeliest of no row.
    chains : pandas.DataFrame or None
        Adjusted Rand indices among EM's partition and that of every chain.
    n_collapsed : int
        Refits in which a component collapsed; they count like others.
    """

    agreement: Floats
    groups: pd.DataFrame
    chains: pd.DataFrame | None
    n_collapsed: int

    def __str__(self) -> str:
        return "\n".join([*self.sentences, self.groups.round(2).to_string()])

    @property
    def sentences(self) -> list[str]:
        """What was found, in words."""
        low, high = np.quantile(self.agreement, equal_tails(INTERVAL_PROBABILITY))
        n_refits = len(self.agreement)
        said = [
            f"{n_refits} refits to reweighted rows divide the rows as EM does with an "
            f"adjusted Rand index of {self.agreement.mean():.2f} on average, "
            f"{low:.2f} to {high:.2f} in {INTERVAL_PROBABILITY:.0%} of them "
            "(1: the same, 0: as by chance)."
        ]
        if self.n_collapsed:
            said.append(f"In {self.n_collapsed} of them a group collapsed.")
        return [*said, self.headline, *self._of_chains()]

    @property
    def lost(self) -> list:
        """The groups that refits do not find as a rule."""
        means = self.groups["similarity"]
        return means.index[(means < STABLE).to_numpy()].tolist()

    @property
    def headline(self) -> str:
        """Which groups come back, in a sentence."""
        if not self.lost:
            return "Refits to reweighted rows find every group again as a rule."
        names = ", ".join(map(component_name, self.lost))
        return (
            "Refits to reweighted rows do not find as a rule (similarity below "
            f"{STABLE}): {names}."
        )

    def _of_chains(self) -> list[str]:
        if self.chains is None or len(self.chains) < 3:
            return []
        among = self.chains.to_numpy()[1:, 1:]
        least = among[np.triu_indices(len(among), 1)].min()
        return [f"Between chains the index is at least {least:.2f}."]


def partition_stability(
    em: Any,
    X: Any,
    posterior: xr.DataTree | None = None,
    *,
    sample_weight: Any = None,
    labels: Any = None,
    n_refits: int = 20,
    random_state: int | None = 0,
    progress: bool = True,
) -> Stability:
    """Fit again to reweighted rows, and see which groups come back.

    Parameters
    ----------
    em : GaussianMixture
        Fitted. Refits have its settings, but begin anew, with up to three starts, and
        not at the fit: what is unstable in the search counts as well as what the
        sample leaves open.
    X : array-like of shape (n_observations, n_features) or data frame
        The observations of the fit.
    posterior : xarray.DataTree, optional
        Relabelled draws, whose chains are compared too: each divides the rows by its
        own mean probabilities.
    sample_weight, labels : array-like, optional
        Those of the fit.
    n_refits : int, default 20
    random_state : int or None, default 0
        The same number gives the same refits.
    progress : bool
        Show a progress bar.

    Returns
    -------
    Stability
        Print it.

    Raises
    ------
    InputError
        If `em` is not a fitted GaussianMixture, or an argument is wrong.

    Notes
    -----
    Rows get exponential weights, the Bayesian bootstrap, so that none is ever left out,
    and every refit labels all of them. A group whose mean similarity is below 0.6
    should not be trusted, above 0.75 it is probably there, above 0.85 it is highly
    stable [1]_. A stable group may still be one of several that belong together.

    References
    ----------
    .. [1] C. Hennig (2007), *Cluster-wise assessment of cluster stability*, Comput.
       Stat. Data Anal. 52:258-271.
    .. [2] L. Hubert and P. Arabie (1985), *Comparing partitions*, J. Classification
       2:193-218.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> em = bg.GaussianMixture(2, random_state=0).fit(X)
    >>> stability = bg.partition_stability(em, X, n_refits=5)
    >>> bool((stability.agreement > 0.95).all())
    True
    """
    _check_fitted(em)
    check_count("n_refits", n_refits)
    table = check_table(X, em.missing)
    weight = check_sample_weight(sample_weight, table.n_observations)
    weight = np.ones(table.n_observations) if weight is None else weight
    seeds = np.random.SeedSequence(check_seed(random_state)).spawn(n_refits)
    own = np.asarray(em.predict(table))
    refits = (_refit(em, table, weight, labels, seed) for seed in seeds)
    fits = list(track(refits, n_refits, "Fitting again", progress))
    partitions = [np.asarray(fit.predict(table)) for fit in fits]
    return Stability(
        agreement=np.array([_rand(own, each) for each in partitions]),
        groups=_groups(own, partitions, em.parameters_.components),
        chains=None if posterior is None else _chains(own, posterior, table),
        n_collapsed=sum(fit.status_ is Status.COLLAPSED for fit in fits),
    )


def _check_fitted(em) -> None:
    if not (hasattr(em, "restarts_") and hasattr(em, "get_params")):
        raise InputError(
            "em",
            "be a fitted GaussianMixture, which knows how to fit again",
            type(em).__name__,
            "Call `.fit(X)` on it first.",
        )


def _refit(em, table: Table, weight: Floats, labels, seed):
    """Return the estimator fitted anew to rows of random weights."""
    random = np.random.default_rng(seed)
    drawn = random.standard_gamma(weight)
    copy: Any = clone(em)
    again = copy.set_params(
        n_init=min(em.n_init, N_STARTS),
        random_state=int(random.integers(2**31)),
        warm_start=False,
        verbose=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CollapseWarning)  # they are counted
        warnings.simplefilter("ignore", ConvergenceWarning)
        return again.fit(table, None, drawn * (weight.sum() / drawn.sum()), labels)


def _rand(a: Ints, b: Ints) -> float:
    return 1.0 - partition_distance(a, b, "omari")


def _groups(own: Ints, partitions: list[Ints], components) -> pd.DataFrame:
    """Return how well the groups of a partition are found in others."""
    found = np.array([_similarities(own, each, len(components)) for each in partitions])
    lower, upper = np.quantile(found, equal_tails(INTERVAL_PROBABILITY), axis=0)
    rows = np.bincount(own[own >= 0], minlength=len(components))
    dissolved = np.where(rows > 0, (found <= DISSOLVED).mean(axis=0), np.nan)
    return pd.DataFrame(
        {
            "rows": rows,
            "similarity": found.mean(axis=0),
            "lower": lower,
            "upper": upper,
            "dissolved": dissolved,
        },
        index=pd.Index(list(components), name=COMPONENT),
    )


def _similarities(own: Ints, other: Ints, n_components: int) -> Floats:
    """Return the Jaccard similarity of each group to the closest of the other ones."""
    codes = np.unique(other, return_inverse=True)[1]
    n_codes = int(codes.max()) + 1
    ours = own >= 0  # noise is no group
    cells = np.bincount(own[ours] * n_codes + codes[ours], minlength=0)
    shared = np.zeros(n_components * n_codes)
    shared[: len(cells)] = cells
    shared = shared.reshape(n_components, n_codes)
    size = shared.sum(axis=1, keepdims=True)
    either = size + np.bincount(codes, minlength=n_codes) - shared
    return np.where(size[:, 0] > 0, (shared / either).max(axis=1), np.nan)


def _chains(own: Ints, posterior: xr.DataTree, table: Table) -> pd.DataFrame:
    """Return adjusted Rand indices among EM's partition and those of the chains."""
    draws = read_draws(posterior, noisy=True)
    shape = draws.n_chains, draws.n_draws
    parts = (
        (rows, shares.reshape(*shape, *shares.shape[1:]).mean(1).argmax(-1).T)
        for rows, shares in responsibilities_of(table.values, draws)
    )
    labels = by_row(parts, table.n_observations).T
    partitions = [own, *labels]
    names = [EM, *(f"{CHAIN} {c}" for c in range(draws.n_chains))]
    values = [[_rand(a, b) for b in partitions] for a in partitions]
    return pd.DataFrame(values, names, names)
