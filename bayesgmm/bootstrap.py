"""`bootstrap`: how a fit varies, by fitting again to data that could have been."""

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr
from sklearn.utils import check_random_state

from bayesgmm.arguments import check_choice, check_count, check_probability
from bayesgmm.chunks import is_chunked
from bayesgmm.dims import (
    ALLOWED,
    COMPONENT,
    DIMS,
    FEATURE,
    FEATURE_BIS,
    OBSERVATION,
    STATISTIC,
)
from bayesgmm.em import EMRun, Status
from bayesgmm.errors import InputError, UncertaintyWarning
from bayesgmm.fitting import build_objective
from bayesgmm.imputation import impute
from bayesgmm.intervals import INTERVAL_PROBABILITY, spread
from bayesgmm.kept import CONSTANT_DATA, SAMPLE_WEIGHT
from bayesgmm.known_labels import check_labels
from bayesgmm.lazy_replicates import run_lazy_replicates
from bayesgmm.parameters import MixtureParameters, as_parameters
from bayesgmm.posterior import (
    BIAS_FACTOR,
    POSTERIOR,
    SAMPLE_STATS,
    STANDARD_ERROR_FACTOR,
    build_posterior,
    matching_parameters,
    posterior_group,
    read_draws,
)
from bayesgmm.progress import announce
from bayesgmm.relabel import relabel
from bayesgmm.replicates import KINDS, Sample, hold_as_fitted, run_replicates
from bayesgmm.sketch import sketch
from bayesgmm.validation import (
    Table,
    are_named,
    check_features,
    check_sample_weight,
    check_table,
)
from bayesgmm.weight_kinds import weight_kind as find_weight_kind

LAZY_KIND = "weighted_likelihood"
STATISTICS = ["estimate", "standard_error", "bias", "lower", "upper"]


def bootstrap(
    em: Any,
    X: Any,
    kind: str = "weighted_likelihood",
    n_replicates: int = 500,
    random_state: Any = None,
    *,
    sample_weight: Any = None,
    labels: Any = None,
    weight_kind: str | None = None,
    progress: bool = True,
) -> xr.DataTree:
    """Fit replicates of the data, from the fit, and match their components with it.

    Parameters
    ----------
    em : GaussianMixture
        Fitted. Replicates are fitted with its prior and constraints.
    X : array-like of shape (n_observations, n_features) or data frame
        The observations of the fit. Of lazy rows (Dask), without gaps, every pass
        serves all replicates; only the weighted-likelihood bootstrap can do with them.
    kind : {"weighted_likelihood", "nonparametric", "parametric", "jackknife"}
        ``"weighted_likelihood"`` draws Dirichlet(1) weights of the observations, so
        that no group is ever left out: approximately a posterior under flat priors
        [2]_; ``"nonparametric"`` draws observations with replacement; ``"parametric"``
        draws new ones from the fit; ``"jackknife"`` leaves out each one in turn.
    n_replicates : int
        The jackknife has one an observation.
    random_state : int, RandomState or None
        The same number gives the same bits.
    sample_weight : array-like of shape (n_observations,), optional
        The weights of the fit.
    labels : array-like, optional
        The known labels of the fit; not of the parametric bootstrap, whose rows are
        new.
    weight_kind : {"frequency", "reliability"}, optional
        What weights mean, by default what they meant in the fit: numbers of
        observations, which are drawn one by one, or the importance of single ones,
        which they keep.
    progress : bool
        Show that something is going on.

    Returns
    -------
    xarray.DataTree
        Laid out like a posterior: ``posterior`` with ``weights``, ``means`` and
        ``covariances`` of one chain, ``sample_stats`` with ``log_likelihood`` (of the
        replicate's own rows), ``converged``, ``n_iter``, ``gradient_norm`` and
        ``replicate`` (its number, the jackknife's that of the row that lost one), and
        ``observed_data``.
        Attributes of ``posterior`` say how many replicates collapsed and were left
        out, and by what standard deviations must be multiplied to be standard errors:
        1, but for the jackknife. `bootstrap_summary`, `membership` and `compare` do
        so; ArviZ, which does not know, would show too little for the jackknife.

    Raises
    ------
    InputError
        If an argument is wrong, or every replicate collapsed.

    Warns
    -----
    UncertaintyWarning
        If replicates collapsed, or ended before they converged.

    References
    ----------
    .. [1] A. O'Hagan, T. B. Murphy, L. Scrucca, I. C. Gormley (2019), *Investigation
       of parameter uncertainty in clustering using a Gaussian mixture model via
       jackknife, bootstrap and weighted likelihood bootstrap*, Comput. Stat.
       34:1779-1813.
    .. [2] M. A. Newton, A. E. Raftery (1994), *Approximate Bayesian inference with the
       weighted likelihood bootstrap*, J. R. Stat. Soc. B 56:3-48.

    Examples
    --------
    >>> import bayesgmm as bg
    >>> X = bg.datasets.load("faithful")
    >>> em = bg.GaussianMixture(2, random_state=0).fit(X)
    >>> replicates = bg.bootstrap(em, X, n_replicates=20, random_state=0)
    >>> errors = bg.bootstrap_summary(replicates, em).sel(statistic="standard_error")
    >>> errors["means"].shape
    (2, 2)
    """
    way = KINDS[check_choice("kind", kind, KINDS)]
    check_count("n_replicates", n_replicates, at_least=2)
    fit = _fit(em)
    meaning = find_weight_kind(weight_kind or em.weight_kind)
    if is_chunked(X):
        _check_lazy(kind, labels)
        settings = meaning, n_replicates, random_state, progress
        return _bootstrap_lazily(em, fit, X, sample_weight, *settings)
    table = check_table(X, em.missing)
    check_features(table, fit.feature_names, are_named(fit.feature_names))
    sample = _sample(em, table, sample_weight, labels, meaning)
    objective = _objective(em, table, sample)
    numbers = way.numbers(sample, n_replicates)
    entropy = _draw_entropy(random_state)
    with announce(f"Fitting {len(numbers)} replicates", progress):
        runs = run_replicates(way, sample, objective, fit, numbers, entropy)
    n_observations = sample.counts.sum()
    attrs = {
        "bootstrap": kind,
        "n_replicates": len(runs),
        "n_collapsed": sum(run.status is Status.COLLAPSED for run in runs),
        STANDARD_ERROR_FACTOR: way.standard_error_factor(n_observations),
        BIAS_FACTOR: way.bias_factor(n_observations),
    }
    _warn(runs, attrs["n_collapsed"])
    rows = replace(table, values=impute(fit, table.values))
    kept = {} if sample_weight is None else {SAMPLE_WEIGHT: np.array(sample_weight)}
    kept |= {} if sample.allowed is None else {ALLOWED: sample.allowed.astype(np.int8)}
    data = {"observed_data": {"x": table.values}}
    data |= {CONSTANT_DATA: kept} if kept else {}
    tree = _tree(runs, numbers, data, {OBSERVATION: table.obs_ids}, attrs)
    return relabel(tree, reference=fit, X=rows)


def _fit(em) -> MixtureParameters:
    if hasattr(em, "parameters_") and hasattr(em, "get_params"):
        return as_parameters(em)
    raise InputError(
        "em",
        "be a fitted GaussianMixture, which knows how replicates are to be fitted",
        type(em).__name__,
        "Call `.fit(X)` on it first.",
    )


def _draw_entropy(random_state) -> list[int]:
    random = check_random_state(random_state)
    return random.randint(2**32, size=4, dtype=np.uint32).tolist()


def _check_lazy(kind, labels):
    """Refuse what lazy rows cannot be replicated by."""
    for name, bad, wanted, got in (
        ("kind", kind != LAZY_KIND, repr(LAZY_KIND), repr(kind)),
        ("labels", labels is not None, "None", "labels"),
    ):
        if bad:
            remedy = "Read the rows, or a sample of them, into memory first."
            raise InputError(name, f"be {wanted} for lazy data", got, remedy)


def _bootstrap_lazily(
    em, fit, X, sample_weight, meaning, n_replicates, random_state, progress
):
    rows = sketch(X, sample_weight, meaning)
    check_features(rows.chunks, fit.feature_names, are_named(fit.feature_names))
    entropy = _draw_entropy(random_state)
    with announce(f"Fitting {n_replicates} replicates", progress):
        runs = run_lazy_replicates(em, rows, meaning, n_replicates, entropy)
    n_collapsed = sum(run.status is Status.COLLAPSED for run in runs)
    _warn(runs, n_collapsed)
    attrs = {
        "bootstrap": LAZY_KIND,
        "stands_for": "an approximate posterior under flat priors",
        "n_replicates": n_replicates,
        "n_collapsed": n_collapsed,
        STANDARD_ERROR_FACTOR: 1.0,
        BIAS_FACTOR: 1.0,
    }
    tree = _tree(runs, np.arange(n_replicates), {}, {}, attrs)
    return relabel(tree, reference=fit, X=rows.sample)


def _sample(em, table: Table, sample_weight, labels, meaning) -> Sample:
    n, k = table.n_observations, em.parameters_.n_components
    weight = check_sample_weight(sample_weight, n)
    weight = np.ones(n) if weight is None else weight
    counts, importance = meaning.split(weight)
    return Sample(
        table.values,
        check_labels(labels, n, k),
        counts * (weight > 0),
        importance * (meaning.effective_n(weight) / weight.sum()),
        lambda n, random: em.sample(n, random)[0],
    )


def _objective(em, table: Table, sample: Sample):
    """Say what is maximised, all but the rows: those that count fix the yardsticks."""
    kept = np.flatnonzero(sample.counts)
    weight = (sample.counts * sample.importance)[kept]
    return hold_as_fitted(build_objective(em, table.take(kept), weight), em)


def _warn(runs: list[EMRun], n_collapsed: int):
    if n_collapsed == len(runs):
        raise InputError(
            "em",
            "have replicates that do not collapse",
            f"{n_collapsed} replicates, all of which collapsed",
            "Choose fewer components or a simpler `covariance_type`.",
        )
    n_slow = sum(run.status is Status.ITERATION_LIMIT for run in runs)
    if n_collapsed or n_slow:
        warnings.warn(
            f"Of {len(runs)} replicates {n_collapsed} collapsed and were left out, "
            f"which makes the others look surer than they are, and {n_slow} had not "
            "converged when they ended. Fit fewer components or a simpler "
            "`covariance_type`, or choose `kind='weighted_likelihood'`.",
            UncertaintyWarning,
            stacklevel=3,
        )


def _tree(runs: list[EMRun], numbers, data, coords, attrs) -> xr.DataTree:
    """Lay the replicates that did not collapse out like the draws of one chain."""
    pairs = zip(runs, numbers, strict=True)
    good = [pair for pair in pairs if pair[0].status is not Status.COLLAPSED]
    parameters = [run.parameters for run, _ in good]
    stats = {
        "log_likelihood": [run.log_likelihood for run, _ in good],
        "converged": [run.status is Status.CONVERGED for run, _ in good],
        "n_iter": [run.n_iter for run, _ in good],
        "gradient_norm": [run.gradient_norm for run, _ in good],
        "replicate": [number for _, number in good],
    }
    groups = {
        POSTERIOR: {
            name: np.stack([getattr(each, name) for each in parameters])[None]
            for name in DIMS
        },
        SAMPLE_STATS: {name: np.array(values)[None] for name, values in stats.items()},
    } | data
    names = list(parameters[0].feature_names)
    coords |= {
        COMPONENT: list(parameters[0].components),
        FEATURE: names,
        FEATURE_BIS: names,
    }
    dims = {name: list(each) for name, each in DIMS.items()}
    dims |= {"x": [OBSERVATION, FEATURE], SAMPLE_WEIGHT: [OBSERVATION]}
    dims[ALLOWED] = [OBSERVATION, COMPONENT]
    return build_posterior(groups, coords, dims, attrs)


def bootstrap_summary(
    bootstrap: xr.DataTree, em: Any, probability: float = INTERVAL_PROBABILITY
) -> xr.Dataset:
    """Return the standard errors, biases and intervals that replicates give.

    Parameters
    ----------
    bootstrap : xarray.DataTree
        From `bootstrap`.
    em : GaussianMixture or MixtureParameters
        The fit that was replicated.
    probability : float, default 0.9
        Of the intervals: between percentiles of the replicates, for the jackknife of
        a normal distribution.

    Returns
    -------
    xarray.Dataset
        ``weights``, ``means`` and ``covariances`` with a dimension ``statistic``:
        "estimate", "standard_error", "bias", "lower" and "upper". The bias is what
        the estimate is too high by.

    Raises
    ------
    InputError
        If the components or features of the two differ.

    References
    ----------
    .. [1] B. Efron and R. J. Tibshirani (1993), *An Introduction to the Bootstrap*,
       chapters 10, 11 and 13.
    """
    probability = check_probability("probability", probability)
    draws = read_draws(bootstrap)
    fit = matching_parameters(em, draws)
    factor = posterior_group(bootstrap).attrs.get(BIAS_FACTOR, 1.0)
    variables = {}
    for name, dims in DIMS.items():
        estimate = getattr(fit, name)
        mean, sd, *tails = spread(getattr(draws, name), probability, draws.stretch)
        bias = factor * (mean - estimate)
        values = np.stack([estimate, sd, bias, *tails])
        variables[name] = ((STATISTIC, *dims), values)
    names = list(draws.feature_names)
    coords = {
        STATISTIC: STATISTICS,
        COMPONENT: draws.components,
        FEATURE: names,
        FEATURE_BIS: names,
    }
    attrs = {"interval_probability": probability, "n_replicates": draws.n_samples}
    return xr.Dataset(variables, coords, attrs)
