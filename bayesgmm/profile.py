"""What the members of each component are like, in any columns and original units."""

from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_probability, check_seed
from bayesgmm.blocks import BLOCK_BYTES
from bayesgmm.dims import COLUMN, COMPONENT, NOISE, SAMPLE_DIMS
from bayesgmm.errors import InputError
from bayesgmm.intervals import INTERVAL_PROBABILITY
from bayesgmm.kept import observations_of, weights_of
from bayesgmm.label_draws import draw_labels
from bayesgmm.posterior import read_draws
from bayesgmm.profile_columns import read_columns
from bayesgmm.profile_result import Profile
from bayesgmm.relabel.resolved import check_resolved
from bayesgmm.validation import Table, check_sample_weight


def profile(
    posterior: xr.DataTree,
    data: Any = None,
    X: Any = None,
    *,
    sample_weight: Any = None,
    population: bool = False,
    n_draws: int | None = None,
    probability: float = INTERVAL_PROBABILITY,
    random_seed: int | None = 0,
) -> Profile:
    """Describe the members of every component: how many, and their means and spreads.

    Rows are put into components by `draw_labels`, once a draw, and described each time.
    What is averaged over the draws knows that components overlap, and that their
    parameters are not known; counting each row where it most likely belongs does not.

    Parameters
    ----------
    posterior : xarray.DataTree
        Relabelled draws of a mixture.
    data : data frame or array-like of shape (n_observations, n_columns), optional
        Numbers to describe, also such as the mixture was not fitted to, row by row
        those of the mixture. Truth values count as 0 and 1, missing values are left
        out column by column, and columns of other kinds are ignored. By default the
        features.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        Old or new observations, by default the data that the posterior holds. Rows of
        the fit, known by their index and values, keep their known labels and weights.
    sample_weight : array-like of shape (n_observations,), optional
        By default those of the fit; of other rows one each if the fit had none.
    population : bool, default False
        False describes these rows, and all that is not known is where they belong. True
        describes the population that they are drawn from: intervals then also hold
        what another sample would have changed, by random weights of the rows [1]_.
    n_draws : int, optional
        Of each chain, evenly spread; by default all.
    probability : float, default 0.9
        Of the equal-tailed intervals.
    random_seed : int or None, default 0
        None takes another one each time.

    Returns
    -------
    Profile
        With ``table``, ``contrast(a, b)``, ``ranks`` and ``draws``.

    Raises
    ------
    InputError
        If the rows of `data` are not those of the mixture or in another order, it has
        no numbers, `X` has other features than the posterior or rows whose weight is
        not known, labels have not been resolved, or another argument is not what it
        should be.

    Notes
    -----
    Labels are drawn given the features alone. Where rows are in doubt, and components
    differ in another column for other reasons than the features, what is found of this
    difference is biased [2]_: such a column belongs among the features.

    Standard deviations divide by the sum of weights. A row goes into a component with
    all its weight. Time O(draws x observations x components x columns); memory grows
    with draws x observations bytes.

    References
    ----------
    .. [1] D. B. Rubin (1981), *The Bayesian bootstrap*, Annals of Statistics 9:130-134;
       weights of a row that counts w times are Gamma(w).
    .. [2] B. C. Bray, S. T. Lanza, X. Tan (2015), *Eliminating bias in
       classify-analyze approaches for latent class analysis*, Structural Equation
       Modeling 22:1-11.
    """
    probability = check_probability("probability", probability)
    random_seed = check_seed(random_seed)
    draws = read_draws(posterior, noisy=True)
    check_resolved(posterior)
    table = observations_of(posterior, draws.feature_names, X, gappy=True)
    columns = read_columns(data, table)
    weight = _weigh(sample_weight, posterior, table)
    labels = draw_labels(posterior, table, n_draws=n_draws, random_seed=random_seed)
    places = [*range(draws.n_components), NOISE][: draws.n_shares]
    rng = np.random.default_rng([random_seed, 1]) if population else None
    found = _describe(
        labels.values.reshape(-1, table.n_observations),
        places,
        columns.values.astype(np.float64),
        weight,
        rng,
    )
    held = {x: labels.coords[x].values for x in SAMPLE_DIMS if x in labels.coords}
    coords = held | {COMPONENT: draws.share_names, COLUMN: list(columns.feature_names)}
    dims = (*SAMPLE_DIMS, COMPONENT, COLUMN)
    shape = labels.shape[:2]
    variables = {
        name: (dims[: each.ndim + 1], each.reshape(*shape, *each.shape[1:]))
        for name, each in found.items()
    }
    return Profile(
        xr.Dataset(variables, coords), probability, population, table.n_observations
    )


def _weigh(sample_weight, posterior: xr.DataTree, table: Table) -> Floats:
    """Return the weights of the rows, refused where they are not known."""
    given = check_sample_weight(sample_weight, table.n_observations)
    weight = weights_of(posterior, table) if given is None else given
    unknown = np.isnan(weight)
    if not unknown.any():
        return weight
    raise InputError(
        "sample_weight",
        "be given for rows that are not those of the fit, which was weighted",
        f"none, and {unknown.sum()} such rows, the first at {unknown.argmax()}",
        "Give one number a row, for example ones; or select `X` from the data frame "
        "of the fit, whose index tells its rows.",
    )


def _describe(labels, places, columns, weight, rng) -> dict[str, Floats]:
    """Return sizes, shares, means and standard deviations, one entry a draw.

    Sizes have the shape (n_samples, n_components), means another axis of columns.
    """
    n_samples, n_rows = labels.shape
    shape = n_samples, len(places)
    size, mean = np.empty(shape), np.empty((*shape, columns.shape[1]))
    sd = np.empty_like(mean)
    parts = [_centred(columns, (labels == place).mean(0) * weight) for place in places]
    step = max(1, BLOCK_BYTES // (8 * n_rows))
    for start in range(0, n_samples, step):
        some = slice(start, start + step)
        counts = _count(weight, len(labels[some]), rng)
        for k, (place, (centre, moments)) in enumerate(zip(places, parts, strict=True)):
            member = np.where(labels[some] == place, counts, 0.0)
            size[some, k] = member.sum(axis=1)
            mean[some, k], sd[some, k] = _mean_and_sd(member @ moments)
            mean[some, k] += centre
    total = size.sum(axis=1, keepdims=True)
    return {"size": size, "share": size / total, "mean": mean, "sd": sd}


def _count(weight: Floats, n_samples: int, rng) -> Floats:
    """Return how often each row counts, (n_samples, n_rows), the same in total."""
    if rng is None:
        return np.broadcast_to(weight, (n_samples, len(weight)))
    drawn = rng.standard_gamma(weight, (n_samples, len(weight)))
    return drawn * (weight.sum() / drawn.sum(axis=1, keepdims=True))


def _centred(columns: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Return a centre near the members of a component, and what is summed over them.

    These are presence, distance from the centre and its square, side by side. The
    centre keeps the digits of components that are narrow and far from others, and makes
    the mean of equal values this value, to the last bit.
    """
    present = ~np.isnan(columns)
    filled = np.where(present, columns, 0.0)
    count = weight @ present
    centre = (weight @ filled) / np.where(count > 0, count, 1.0)
    gaps = np.where(present, columns - centre, 0.0)
    return centre, np.hstack([present, gaps, gaps**2])


def _mean_and_sd(sums: Floats) -> tuple[Floats, Floats]:
    """Return both from sums (n_samples, 3 n_columns); NaN where nothing is summed."""
    count, total, squares = np.split(sums, 3, axis=1)
    count = np.where(count > 0, count, np.nan)
    mean = total / count
    return mean, np.sqrt(np.maximum(squares / count - mean**2, 0.0))
