"""A point estimate of the partition of the rows, and how sure it is."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm.arguments import check_count, check_probability, check_seed
from bayesgmm.partitions.ball import CredibleBall, credible_ball
from bayesgmm.partitions.given import read_labels
from bayesgmm.partitions.losses import Loss, as_loss
from bayesgmm.partitions.runs import warn_of_interrupt
from bayesgmm.partitions.search import most_clusters, search

N_RUNS = 16


@dataclass(frozen=True, slots=True, eq=False)
class Partition:
    """A partition of the rows that is closest to the posterior's on average.

    Attributes
    ----------
    labels : xarray.DataArray
        Clusters (obs_id), numbered by size: the largest is 0.
    n_clusters : int
    loss : Loss
        What it is closest in: its ``name``, ``unit`` ("bits", "pairs" or "") and, of
        Binder's loss, ``cost_apart``.
    expected_loss : float
        Its loss averaged over draws.
    ball : CredibleBall
        How far from it the partitions of the posterior are.
    n_draws : int
        Draws that it was made of.
    n_runs, n_agreeing : int
        Runs of the search, and how many of them ended at this loss: where few did, more
        might find a better partition.
    """

    labels: xr.DataArray
    n_clusters: int
    loss: Loss
    expected_loss: float
    ball: CredibleBall
    n_draws: int
    n_runs: int
    n_agreeing: int

    def __str__(self) -> str:
        n, ball = self.labels.size, self.ball
        unit = f" {self.loss.unit}" if self.loss.unit else ""
        sizes = np.bincount(self.labels.values)
        lines = [
            f"{n} rows in {self.n_clusters} cluster{'s' * (self.n_clusters != 1)}, "
            f"found by {self.n_agreeing} of {self.n_runs} runs.",
            f"Expected loss ({self.loss}): {self.expected_loss:.4g}{unit} over "
            f"{self.n_draws} draws.",
            f"{100 * ball.mass:.3g} % of them are within {ball.radius:.4g}{unit}, with "
            f"{_n_clusters(ball.upper_vertical)} to "
            f"{_n_clusters(ball.lower_vertical)} clusters.",
            "cluster    rows   share",
        ]
        lines += [f"{k:7d} {size:7d} {size / n:7.3f}" for k, size in enumerate(sizes)]
        return "\n".join(lines)


def _n_clusters(bounds: xr.DataArray) -> int:
    return int(bounds.values[0].max()) + 1


def partition(
    posterior: Any,
    X: Any = None,
    loss: str | Loss = "vi",
    *,
    max_clusters: int | None = None,
    n_runs: int = N_RUNS,
    n_draws: int | None = None,
    probability: float = 0.95,
    random_seed: int | None = 0,
) -> Partition:
    """Find the partition of the rows that is closest to the posterior's on average.

    Names of components do not matter: draws need not be relabelled, and the number of
    components may vary over them. The partition often has fewer clusters than the
    mixture components, because of those that overlap.

    Parameters
    ----------
    posterior : xarray.DataTree, DataArray or array of shape (n_draws, n_observations)
        Draws of a mixture, of which `draw_labels` draws labels; or draws of labels. -1,
        for noise, is a label like others: noise is one cluster.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        Rows to divide, by default those that the posterior holds.
    loss : {"vi", "binder", "omari", "nvi", "nid"} or Loss, default "vi"
        See `partition_distance`. `binder` gives the one with unequal costs.
    max_clusters : int, optional
        By default as many as there are rows, or as keep draws x labels x clusters at
        2**27 or below. Fewer are quicker to search for, above all with "binder", which
        likes to put rows in doubt by themselves.
    n_runs : int, default 16
        Of the search, of which the best is taken.
    n_draws : int, optional
        Of each chain, evenly spread. By default all, or as many as 2**24 labels allow.
    probability : float, default 0.95
        Of the credible ball.
    random_seed : int or None, default 0
        The same seed gives the same partition, whatever the number of threads. None
        takes another one each time.

    Returns
    -------
    Partition

    Warns
    -----
    ConvergenceWarning
        If the user interrupts: the best partition so far is returned.

    Raises
    ------
    InputError
        If there is nothing to draw labels from, or a setting is out of its range.
    KeyboardInterrupt
        If the user interrupts before the first run is done.

    Notes
    -----
    Runs begin with rows put one after the other where they cost least, or with random
    labels; they sweep over the rows until none moves, and then take clusters apart and
    build them anew [1]_. At first there are no more clusters than draws have. A row
    costs O(n_draws n_clusters), by contingency tables of the partition with every draw.
    It is a search: a better one may exist. "nid" has many local optima: of 1,000 rows
    in groups that overlap runs end in as many places, their losses up to 2 % apart.

    Every row counts once, whatever its sample weight, because a row has one label in a
    draw. To count rows repeatedly pass the data frame of the fit so:
    ``X=X.loc[X.index.repeat(weight)]``. Its index tells which labels are known.

    References
    ----------
    .. [1] D. B. Dahl, D. J. Johnson, P. Mueller (2022), *Search algorithms and loss
       functions for Bayesian clustering*, JCGS 31:1189-1201.
    .. [2] S. Wade and Z. Ghahramani (2018), *Bayesian cluster analysis: point
       estimation and credible balls*, Bayesian Anal. 13:559-626.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> draws = [[0, 0, 1, 1], [1, 1, 0, 0], [0, 0, 0, 1]]
    >>> print(bg.partition(draws))
    4 rows in 2 clusters, found by 16 of 16 runs.
    Expected loss (vi): 0.3962 bits over 3 draws.
    100 % of them are within 1.189 bits, with 2 to 2 clusters.
    cluster    rows   share
          0       2   0.500
          1       2   0.500
    """
    loss = as_loss(loss)
    n_runs = check_count("n_runs", n_runs)
    if max_clusters is not None:
        max_clusters = check_count("max_clusters", max_clusters)
    probability = check_probability("probability", probability)
    random_seed = check_seed(random_seed)
    draws = read_labels(posterior, X, n_draws, random_seed)
    most = most_clusters(draws, max_clusters)
    found = search(draws, loss, most, n_runs, random_seed)
    if found.n_runs < n_runs:
        warn_of_interrupt(f"{found.n_runs} of {n_runs} runs are done")
    return Partition(
        labels=draws.name(found.labels),
        n_clusters=int(found.labels.max()) + 1,
        loss=loss,
        expected_loss=found.expected_loss,
        ball=credible_ball(draws, loss.distances(found.labels, draws), probability),
        n_draws=draws.n_draws,
        n_runs=found.n_runs,
        n_agreeing=found.n_agreeing,
    )
