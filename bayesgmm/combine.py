"""From components to clusters: merge components that overlap.

Baudry, Raftery, Celeux, Lo and Gottardo (2010), *Combining mixture components for
clustering*, JCGS 19:332-353.
"""

from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import entr

from bayesgmm._typing import Floats, Ints
from bayesgmm.errors import InputError
from bayesgmm.kernels.reduce import responsibilities
from bayesgmm.parameters import MixtureParameters, as_parameters
from bayesgmm.validation import (
    Table,
    check_features,
    check_sample_weight,
    check_table,
)

BLOCK = 8192
# Components from which on two straight lines say something about an elbow.
FEWEST_FOR_ELBOW = 4

Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Combination:
    """Components merged one pair at a time; from `bayesgmm.merge_components`.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a number of clusters, from all components down to one: n_clusters;
        entropy of the memberships, in nats; merged, the two clusters that became one;
        n_merged, how many rows they hold.
    groups : dict of tuple
        The components of every cluster, by the number of clusters.
    n_clusters : int or None
        At the elbow of the entropy: up to it merging takes away much overlap for each
        cluster, beyond it little. None for fewer than four components.
    parameters : MixtureParameters
        What was merged; its density stays as it is.
    """

    table: pd.DataFrame
    groups: dict[int, Groups]
    n_clusters: int | None
    parameters: MixtureParameters

    def predict_proba(self, X: Any, n_clusters: int | None = None) -> Floats:
        """Return p(cluster | row).

        Parameters
        ----------
        X : array-like or data frame of shape (n_observations, n_features)
        n_clusters : int, optional
            By default that of the elbow.

        Returns
        -------
        array of shape (n_observations, n_clusters)
        """
        groups = self._groups(n_clusters)
        table = _read(X, self.parameters)
        shares = responsibilities(table.values, self.parameters.quadratics)
        return _pool(shares, groups)

    def predict(self, X: Any, n_clusters: int | None = None) -> Ints:
        """Return the likeliest cluster of every row.

        Parameters
        ----------
        X : array-like or data frame of shape (n_observations, n_features)
        n_clusters : int, optional
            By default that of the elbow.

        Returns
        -------
        array of int, shape (n_observations,)
        """
        return self.predict_proba(X, n_clusters).argmax(axis=1)

    def plot(self, ax: Any = None):
        """Plot the entropy over the number of clusters.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        matplotlib.figure.Figure
        """
        from bayesgmm.plots.combination import plot_combination

        return plot_combination(self, ax)

    def __str__(self) -> str:
        elbow = (
            "too few components for an elbow"
            if self.n_clusters is None
            else f"the elbow is at {self.n_clusters} clusters"
        )
        text = self.table.to_string(index=False, float_format="{:.3f}".format)
        return f"{len(self.table)} components merged by entropy: {elbow}\n{text}"

    def _groups(self, n_clusters) -> Groups:
        wanted = self.n_clusters if n_clusters is None else n_clusters
        if wanted in self.groups:
            return self.groups[wanted]
        raise InputError(
            "n_clusters",
            f"be a whole number from 1 to {len(self.groups)}",
            repr(wanted),
            "See `.table`.",
        )


def merge_components(em: Any, X: Any, sample_weight: Any = None) -> Combination:
    """Merge components into clusters, each time the two that overlap most.

    A cluster that is not Gaussian takes several components. Of all pairs that is merged
    whose union lowers the entropy of the memberships most [1]_; the mixture's density
    is not changed.

    Parameters
    ----------
    em : GaussianMixture or MixtureParameters
        Fitted, its number of components chosen for example by BIC.
    X : array-like or data frame of shape (n_observations, n_features)
    sample_weight : array-like of shape (n_observations,), optional
        How often each row counts.

    Returns
    -------
    Combination

    Raises
    ------
    InputError
        If the features are not those of the fit.

    Notes
    -----
    The elbow is where two straight lines, which meet in one number of clusters, have
    the least squares from the entropies [1]_. Time O(n_observations n_components^3),
    memory that of a block of rows.

    References
    ----------
    .. [1] J.-P. Baudry, A. E. Raftery, G. Celeux, K. Lo, R. Gottardo (2010), Combining
       mixture components for clustering, JCGS 19:332-353.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> em = bg.GaussianMixture(4, random_state=0).fit(X)
    >>> bg.merge_components(em, X).n_clusters
    2
    """
    parameters = as_parameters(em)
    table = _read(X, parameters)
    weight = check_sample_weight(sample_weight, table.n_observations)
    groups: Groups = tuple((k,) for k in range(parameters.n_components))
    sequence: dict[int, Groups] = {len(groups): groups}
    rows = []
    while True:
        pairs, own, counts = _entropies(parameters, table.values, weight, groups)
        row = {"n_clusters": len(groups), "entropy": own.sum()}
        if len(groups) == 1:
            rows.append(row | {"merged": "", "n_merged": 0})
            break
        i, j = max(pairs, key=lambda pair: own[pair[0]] + own[pair[1]] - pairs[pair])
        names = " + ".join(", ".join(map(str, sorted(groups[k]))) for k in (i, j))
        rows.append(row | {"merged": names, "n_merged": counts[i] + counts[j]})
        merged = tuple(sorted(groups[i] + groups[j]))
        groups = tuple(
            merged if k == i else group for k, group in enumerate(groups) if k != j
        )
        sequence[len(groups)] = groups
    table = pd.DataFrame(rows)
    return Combination(table, sequence, _elbow(table), parameters)


def _read(X, parameters) -> Table:
    table = check_table(X)
    check_features(table, parameters.feature_names, table.named)
    return table


def _pool(shares, groups: Groups) -> Floats:
    """Add the responsibilities of the components of every group."""
    return np.column_stack([shares[:, list(group)].sum(axis=1) for group in groups])


def _entropies(parameters, X, weight, groups):
    """Return entropies of all unions of two groups and of the groups; their rows."""
    pairs = dict.fromkeys(combinations(range(len(groups)), 2), 0.0)
    own, counts = np.zeros(len(groups)), np.zeros(len(groups))
    for start in range(0, len(X), BLOCK):
        rows = slice(start, start + BLOCK)
        shares = _pool(responsibilities(X[rows], parameters.quadratics), groups)
        times = np.ones(len(shares)) if weight is None else weight[rows]
        own += times @ entr(shares)
        counts += np.bincount(shares.argmax(axis=1), times, len(groups))
        for i, j in pairs:
            pairs[i, j] += times @ entr(shares[:, i] + shares[:, j])
    return pairs, own, counts


def _elbow(table) -> int | None:
    """Return the number of clusters where the best two straight lines meet."""
    if len(table) < FEWEST_FOR_ELBOW:
        return None
    x, y = table["n_clusters"].to_numpy(), table["entropy"].to_numpy()
    return int(min(x[1:-1], key=lambda at: _rest(x, y, x <= at) + _rest(x, y, x >= at)))


def _rest(x, y, some):
    """Return the sum of squares that a straight line leaves of some points."""
    residual = y[some] - np.polyval(np.polyfit(x[some], y[some], 1), x[some])
    return float(residual @ residual)
