"""Leave-one-out cross-validation of a posterior, streamed."""

import warnings
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats, Ints
from bayesgmm.blocks import by_row, log_likelihoods_of
from bayesgmm.dims import OBSERVATION
from bayesgmm.errors import InputError, PosteriorWarning
from bayesgmm.kept import fitted_observations, fitted_sample_weight, read_allowed
from bayesgmm.log_score import log_mean
from bayesgmm.monte_carlo import effective_size
from bayesgmm.posterior import (
    APPROXIMATE,
    STANDARD_ERROR_FACTOR,
    Draws,
    posterior_group,
    read_mixtures,
)
from bayesgmm.validation import Table

if TYPE_CHECKING:
    from arviz_stats.utils import ELPDData

LARGEST_FULL = 20_000
"""Of more rows a random sample of this size is smoothed, about a millisecond each."""

SEED = 315
"""The same rows for every posterior, so that differences are of pairs."""

N_PROXY_DRAWS = 100
"""Draws that stand for all in what the rows outside the sample are worth."""

N_EFFICIENCY_ROWS = 32

FEWEST_DRAWS = 25
"""A tail is a fifth of a few draws, and has five or more."""


class Pointwise(NamedTuple):
    """What leaving out each row says, each of shape (n_rows,)."""

    elpd: Floats
    pareto_k: Floats
    lppd: Floats


def loo(posterior: xr.DataTree, X: Any = None) -> "ELPDData":
    """Estimate how well a posterior predicts each row when it has not seen that row.

    Pareto-smoothed importance sampling [1]_, [2]_ with the likelihood marginal over
    labels. Labels need not mean the same in all draws, and posteriors of different
    numbers of components may be compared: ``arviz.compare({"2": loo2, "3": loo3})``.

    Parameters
    ----------
    posterior : xarray.DataTree
        Draws of a mixture, at least 25.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        The observations of the fit, needed only if the posterior does not hold them.

    Returns
    -------
    arviz_stats.ELPDData
        With ``elpd`` (higher is better), ``se``, ``p`` and, by row, ``elpd_i`` and
        ``pareto_k``. Beyond 20,000 rows it says so itself that importance weights were
        computed of a random sample of that size, the same for every posterior; all
        rows count by a quick approximation that the sample corrects [3]_.

    Raises
    ------
    InputError
        If `X` is not what was fitted, if there are too few draws, or if they are the
        replicates of a bootstrap, which are no posterior.

    Warns
    -----
    PosteriorWarning
        Where the estimate of some rows is unreliable (their ``pareto_k`` is above
        ``good_k``), or the draws are those of an approximation.

    Notes
    -----
    ``log p(x_n | x_-n) = log sum_s r_s p(x_n | draw s)`` with normalised ratios r_s, in
    proportion to ``1 / p(x_n | draw s)`` but for the largest, which are smoothed. A row
    of weight w counts w times, and one of the w is left out. Of a row with gaps
    what was observed is predicted, and of one whose label is known that too. Memory
    does not grow with draws x observations.

    References
    ----------
    .. [1] A. Vehtari, A. Gelman and J. Gabry (2017), *Practical Bayesian model
       evaluation using leave-one-out cross-validation and WAIC*, Statistics and
       Computing 27:1413-1432.
    .. [2] A. Vehtari, D. Simpson, A. Gelman, Y. Yao and J. Gabry (2024), *Pareto
       smoothed importance sampling*, JMLR 25(72).
    .. [3] M. Magnusson, M. R. Andersen, J. Jonasson and A. Vehtari (2019), *Bayesian
       leave-one-out cross-validation for large data*, ICML.
    """
    draws = read_mixtures(posterior, noisy=True)
    _check_draws(posterior, draws)
    table = fitted_observations(posterior, draws.feature_names, X)
    weight = fitted_sample_weight(posterior, table.n_observations)
    rows = _rows(table.n_observations)
    allowed = read_allowed(posterior)
    told = None if allowed is None else allowed[rows]
    r_eff = _relative_efficiency(table.values[rows], draws, told)
    found = _leave_out(table.values[rows], draws, told, weight[rows], r_eff)
    good_k = min(1.0 - 1.0 / np.log10(draws.n_samples), 0.7)
    _warn_of(found.pareto_k, good_k, table.obs_ids[rows])
    common = {
        "n_samples": draws.n_samples,
        "n_data_points": round(float(weight.sum())),
        "scale": "log",
        "warning": bool((found.pareto_k > good_k).any()),
        "good_k": good_k,
    }
    if len(rows) < table.n_observations:
        proxy = weight * _proxy(table.values, draws, allowed)
        return _of_sample(found, rows, proxy, table, common)
    return _of_all(found, weight, table, common)


def _check_draws(posterior, draws: Draws):
    attrs = posterior_group(posterior).attrs
    if STANDARD_ERROR_FACTOR in attrs:
        raise InputError(
            "posterior",
            "hold draws of a posterior",
            "replicates of a bootstrap",
            "Use `bayesgmm.select(X, criterion='cv')` to cross-validate fits of EM.",
        )
    if draws.n_samples < FEWEST_DRAWS:
        raise InputError(
            "posterior",
            f"hold {FEWEST_DRAWS} draws or more",
            f"{draws.n_samples}",
            "Sample more draws.",
        )
    if attrs.get(APPROXIMATE):
        warnings.warn(
            f"The draws are those of an approximation ({attrs.get('method')}), and so "
            "is what they predict. Compare with `method='nuts'` before you rely on it.",
            PosteriorWarning,
            stacklevel=3,
        )


def _rows(n_observations: int) -> Ints:
    """Return all rows, or a random sample of many."""
    if n_observations <= LARGEST_FULL:
        return np.arange(n_observations)
    rng = np.random.default_rng(SEED)
    return np.sort(rng.choice(n_observations, LARGEST_FULL, replace=False))


def _relative_efficiency(X: Floats, draws: Draws, allowed=None) -> float:
    """Return effective draws by draw, averaged over the likelihoods of a few rows.

    These do not know labels: switching does not make them inefficient.
    """
    spread = np.linspace(0, len(X) - 1, min(len(X), N_EFFICIENCY_ROWS)).astype(int)
    told = None if allowed is None else allowed[spread]
    blocks = log_likelihoods_of(X[spread], draws, told)
    logs = by_row(((rows, block.T) for rows, block in blocks), len(spread))
    values = np.exp(logs - logs.max(axis=1, keepdims=True))
    chains = values.reshape(len(spread), draws.n_chains, draws.n_draws)
    return float(effective_size(chains).mean() / draws.n_samples)


def _leave_out(X, draws: Draws, allowed, weight: Floats, r_eff: float) -> Pointwise:
    found = Pointwise(*np.empty((3, len(X))))
    for rows, block in log_likelihoods_of(X, draws, allowed):
        part = _leave_out_block(block.T, weight[rows], r_eff)
        for values, some in zip(found, part, strict=True):
            values[rows] = some
    return found


def _leave_out_block(logs: Floats, weight: Floats, r_eff: float) -> Pointwise:
    """Reduce log-likelihoods (n_rows, n_samples) over draws."""
    left_out = np.minimum(weight, 1.0)[:, None] * logs
    log_ratios, pareto_k = _smooth(left_out, r_eff)
    elpd = log_mean(log_ratios + logs, axis=1) + np.log(logs.shape[1])
    lppd = log_mean(logs, axis=1)
    return Pointwise(weight * elpd, pareto_k, weight * lppd)


def _smooth(logs: Floats, r_eff: float) -> tuple[Floats, Floats]:
    """Return normalised log-ratios and Pareto k, also where there is no tail to fit."""
    from arviz_stats.base.array import array_stats

    smooth: Any = array_stats.psislw
    try:
        return smooth(logs, r_eff=r_eff)
    except ValueError:  # in some row all of the tail is one value
        if len(logs) == 1:
            return _unsmoothed(logs)
    parts = [_smooth(row, r_eff) for row in logs[:, None]]
    log_ratios, pareto_k = zip(*parts, strict=True)
    return np.concatenate(log_ratios), np.concatenate(pareto_k)


def _unsmoothed(logs: Floats) -> tuple[Floats, Floats]:
    """Ratios as they are: all equal, or a chain stood still and nothing is known."""
    known = np.ptp(logs) == 0.0
    pareto_k = np.array([-np.inf if known else np.inf])
    return -logs - np.logaddexp.reduce(-logs, axis=1, keepdims=True), pareto_k


def _warn_of(pareto_k: Floats, good_k: float, obs_ids):
    bad = np.flatnonzero(~(pareto_k <= good_k))
    if len(bad):
        worst = bad[np.argmax(pareto_k[bad])]
        warnings.warn(
            f"What {len(bad)} of {len(pareto_k)} rows would be predicted without them "
            f"is not known well: their Pareto k is above {good_k:.2f}, at most "
            f"{pareto_k[worst]:.2f} for row {obs_ids[worst]}. See `.pareto_k`.",
            PosteriorWarning,
            stacklevel=3,
        )


def _proxy(X: Floats, draws: Draws, allowed) -> Floats:
    """Return log mean densities of all rows over some draws."""
    size = min(draws.n_samples, N_PROXY_DRAWS)
    some = np.linspace(0, draws.n_samples - 1, size).astype(int)
    blocks = log_likelihoods_of(X, draws.take(some), allowed)
    return by_row(((rows, log_mean(block, axis=0)) for rows, block in blocks), len(X))


def _of_all(found: Pointwise, weight, table: Table, common) -> "ELPDData":
    from arviz_stats.utils import ELPDDataLOO

    elpd, total = found.elpd.sum(), weight.sum()
    # Of single observations, of which a row of weight 2 is two.
    counted = weight > 0
    each = found.elpd[counted] / weight[counted]
    squares = weight[counted] @ (each - elpd / total) ** 2
    variance = squares / (total - 1.0) if total > 1.0 else np.nan
    return ELPDDataLOO(
        elpd=float(elpd),
        se=float(np.sqrt(total * variance)),
        p=float((found.lppd - found.elpd).sum()),
        elpd_i=_by_row(found.elpd, "elpd_i", table),
        pareto_k=_by_row(found.pareto_k, "pareto_k", table),
        **common,
    )


def _of_sample(found: Pointwise, rows, proxy, table: Table, common) -> "ELPDData":
    """Correct the proxies of all rows by their mean error in the sample."""
    from arviz_stats.base.array import array_stats
    from arviz_stats.utils import ELPDDataLOOSubsample

    n = table.n_observations
    elpd, subsampling_se, se = array_stats.diff_srs_estimator(
        found.elpd, proxy[rows], proxy, n
    )
    elpd_i, pareto_k = proxy.copy(), np.full(n, np.nan)
    elpd_i[rows], pareto_k[rows] = found.elpd, found.pareto_k
    return ELPDDataLOOSubsample(
        elpd=float(elpd),
        se=float(se),
        p=float(n * (found.lppd - found.elpd).mean()),
        elpd_i=_by_row(elpd_i, "elpd_i", table),
        pareto_k=_by_row(pareto_k, "pareto_k", table),
        subsample_size=len(rows),
        subsampling_se=float(subsampling_se),
        loo_subsample_observations=rows,
        elpd_loo_approx=_by_row(proxy, "elpd_loo_approx", table),
        **common,
    )


def _by_row(values: Floats, name: str, table: Table) -> xr.DataArray:
    coords = {OBSERVATION: table.obs_ids}
    return xr.DataArray(values, coords, [OBSERVATION], name=name)
