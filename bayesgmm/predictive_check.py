"""Do rows drawn from the posterior look like the data?"""

from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.special import ndtr
from scipy.stats import kurtosis, skew

from bayesgmm._typing import Floats, Ints
from bayesgmm.arguments import check_count, check_probability, check_seed
from bayesgmm.dims import FEATURE
from bayesgmm.errors import InputError
from bayesgmm.imputation import impute
from bayesgmm.intervals import INTERVAL_PROBABILITY, equal_tails
from bayesgmm.kept import allowed_of, fitted_observations, weights_of
from bayesgmm.kernels.reduce import log_likelihood_draws
from bayesgmm.parameters import MixtureParameters
from bayesgmm.posterior import Draws, read_draws

N_DRAWS = 200
MOST_NUMBERS = 2**25
"""Numbers drawn, at most: of more rows fewer draws are taken."""

DISTANCE, DENSITY, ALL = "distance", "mean log density", ""
SHAPES = {
    "lowest": lambda X: X.min(axis=0),
    "highest": lambda X: X.max(axis=0),
    "skewness": lambda X: skew(X, axis=0),
    "kurtosis": lambda X: kurtosis(X, axis=0),
}
"""What a mixture need not get right, unlike means and variances."""


def predictive_check(
    posterior: xr.DataTree,
    X: Any = None,
    *,
    n_replicates: int | None = None,
    probability: float = INTERVAL_PROBABILITY,
    random_seed: int | None = 0,
) -> pd.DataFrame:
    """Compare the data with data sets that the posterior draws of the same size.

    Parameters
    ----------
    posterior : xarray.DataTree
        Draws of a mixture; they need not be relabelled.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        The observations of the fit, by default those that the posterior holds. Without
        sample weights.
    n_replicates : int, optional
        Data sets to draw, each from another of evenly spread draws: by default 200,
        fewer of very many rows.
    probability : float, default 0.9
        Of the equal-tailed intervals.
    random_seed : int or None, default 0
        None takes another one each time.

    Returns
    -------
    pandas.DataFrame
        Rows are (feature, statistic): ``lowest``, ``highest``, ``skewness`` and
        ``kurtosis`` (excess) of every feature; ``distance``, the largest distance of
        its distribution function to the mixture's, which sees lumps and gaps; and, for
        all features together, the ``mean log density`` of rows. Columns: ``observed``;
        ``lower`` and ``upper`` end of the interval of replicated data; and ``p``, the
        share of replicates that are higher than the data, half of those that are equal.
        Near 0 or 1 the model does not make such data. `distance` and `mean log density`
        depend on the draw: ``observed`` is their mean, and ``p`` compares the two
        draw by draw. So do all statistics of data with missing values, which every draw
        fills in anew [2]_: what is missing speaks neither for nor against the model.

    Raises
    ------
    InputError
        If rows are weighted, or labelled and missing values, `X` is not what was
        fitted, or an argument is wrong.

    Notes
    -----
    Posterior predictive p-values [1]_ use the data twice. They are near one half more
    often than uniform ones would be, so that 0.01 is more telling than it looks, and
    0.3 says little. In large samples hardly any model passes: see how far apart the
    data and the interval are.

    References
    ----------
    .. [1] A. Gelman, X.-L. Meng, H. Stern (1996), *Posterior predictive assessment of
       model fitness via realized discrepancies*, Statistica Sinica 6:733-760.
    .. [2] A. Gelman, I. Van Mechelen, G. Verbeke, D. F. Heitjan, M. Meulders (2005),
       *Multiple imputation for model checking: completed-data plots with missing and
       latent data*, Biometrics 61:74-85.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> posterior = bg.sample(X, 2, method="gibbs", random_seed=1, progress=False)
    >>> check = bg.predictive_check(posterior)
    >>> bool(check["p"].between(0.01, 0.99).all())
    True
    """
    probability = check_probability("probability", probability)
    rng = np.random.default_rng(check_seed(random_seed))
    draws = read_draws(posterior)
    table = fitted_observations(posterior, draws.feature_names, X)
    values = np.asarray(table.values, dtype=np.float64)
    gappy = bool(np.isnan(values.min()))
    labelled_gaps = gappy and allowed_of(posterior, table) is not None
    _check_plain(weights_of(posterior, table), labelled_gaps=labelled_gaps)
    most = min(N_DRAWS, draws.n_samples, max(1, MOST_NUMBERS // values.size))
    kept = draws.take(_choose(most if n_replicates is None else n_replicates, draws))
    pairs = [_compare(values, kept, s, rng) for s in range(kept.n_samples)]
    observed, replicated = (np.array(part) for part in zip(*pairs, strict=True))
    lower, upper = np.quantile(replicated, equal_tails(probability), axis=0)
    higher = (replicated > observed) + 0.5 * (replicated == observed)
    index = [(name, s) for s in (*SHAPES, DISTANCE) for name in draws.feature_names]
    index = pd.MultiIndex.from_tuples(
        [*index, (ALL, DENSITY)], names=[FEATURE, "statistic"]
    )
    columns = {
        "observed": observed.mean(axis=0),
        "lower": lower,
        "upper": upper,
        "p": higher.mean(axis=0),
    }
    order = np.arange(len(index) - 1).reshape(-1, draws.n_features).T.ravel()
    return pd.DataFrame(columns, index).iloc[[*order, len(index) - 1]]


def _choose(n_replicates, draws) -> Ints:
    """Choose draws, evenly spread."""
    if check_count("n_replicates", n_replicates) > draws.n_samples:
        raise InputError(
            "n_replicates",
            "be at most the number of draws",
            f"{n_replicates} of {draws.n_samples}",
            "Sample more draws, or leave it out.",
        )
    places = np.linspace(0, draws.n_samples - 1, n_replicates)
    return places.round().astype(np.intp)


def _check_plain(weight: Floats, *, labelled_gaps: bool) -> None:
    if labelled_gaps:
        raise InputError(
            "X",
            "have no missing values where labels are known",
            "both",
            "There is no such check yet: fit without labels, or complete rows.",
        )
    if not (weight == 1.0).all():
        raise InputError(
            "X",
            "be rows that count once",
            "sample weights",
            "Fit to the rows themselves: `X.loc[X.index.repeat(weight)]`.",
        )


def _compare(values: Floats, draws: Draws, s: int, rng) -> tuple[Floats, Floats]:
    """Return all statistics of the data and of rows drawn from the s-th mixture."""
    one = draws.take([s])
    whole = impute(_mixture(one), values, rng)
    return _statistics(whole, one), _statistics(_replicate(one, len(values), rng), one)


def _mixture(one: Draws) -> MixtureParameters:
    weights = one.weights[0] / one.weights[0].sum()
    parts = weights, one.means[0], one.covariances[0]
    return MixtureParameters(*parts, "full", one.feature_names)


def _replicate(one: Draws, n: int, rng) -> Floats:
    """Draw n rows of a mixture, component by component."""
    counts = rng.multinomial(n, one.weights[0] / one.weights[0].sum())
    roots = np.linalg.cholesky(one.covariances[0])
    return np.concatenate(
        [
            mean + rng.standard_normal((count, len(mean))) @ root.T
            for count, mean, root in zip(counts, one.means[0], roots, strict=True)
        ]
    )


def _statistics(X: Floats, one: Draws) -> Floats:
    shapes = [statistic(X) for statistic in SHAPES.values()]
    density = log_likelihood_draws(X, one.quadratics) / len(X)
    return np.concatenate([*shapes, _distances(X, one), density])


def _distances(X: Floats, one: Draws) -> Floats:
    """Return Kolmogorov's distance of every feature to the mixture, (n_features,)."""
    n = len(X)
    sds = np.sqrt(np.diagonal(one.covariances[0], axis1=1, axis2=2))
    steps = np.arange(n + 1) / n
    found = []
    for values, means, scales in zip(X.T, one.means[0].T, sds.T, strict=True):
        model = ndtr((np.sort(values)[:, None] - means) / scales) @ one.weights[0]
        gaps = np.maximum(steps[1:] - model, model - steps[:-1])
        found.append(gaps.max())
    return np.array(found)
