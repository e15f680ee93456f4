"""The whole story, top to bottom: data to EM to posterior to comparison.

Start reading here: each line of `fit` is one step of the package, and its output is
the next step's input.
"""

import platform
import time
from collections.abc import Iterable
from contextlib import contextmanager
from importlib.metadata import version
from typing import Any

import pandas as pd

from bayesgmm.analysis import Analysis, priors_of, tellings
from bayesgmm.arguments import check_count, check_seed
from bayesgmm.em import Status
from bayesgmm.errors import InputError
from bayesgmm.estimator import GaussianMixture
from bayesgmm.fitting import build_objective
from bayesgmm.marginal.model import build_model
from bayesgmm.partition_stability import Stability, partition_stability
from bayesgmm.profile_columns import read_columns
from bayesgmm.progress import announce
from bayesgmm.sampling import kind_of_priors, sample
from bayesgmm.validation import Table, check_table

PACKAGES = ("bayesgmm", "numpy", "numba", "pymc", "nutpie", "arviz-base")


def fit(
    X,
    n_components: int | Iterable[int],
    covariance_type: str = "full",
    *,
    method: str = "nuts",
    draws: int = 1000,
    chains: int = 4,
    describe: Any = None,
    n_refits: int = 20,
    random_seed: int | None = None,
    progress: bool = True,
) -> Analysis:
    """Fit a Gaussian mixture by EM and as a posterior, and tell all about its groups.

    Parameters
    ----------
    X : array-like of shape (n_observations, n_features) or data frame
    n_components : int, or several
        Of several, the one with the lowest BIC of the EM fits is used. Fits in which a
        component collapsed or rests on too few rows to be a group come last: their
        likelihood can be as high as one likes.
    covariance_type : str
        As in `GaussianMixture`.
    method : str, default "nuts"
        A sampler of a known number of components; see `sample`. Priors are the default
        ones of this sampler.
    draws, chains : int
        `draws` is per chain.
    describe : data frame or array-like of shape (n_observations, n_columns), optional
        What to describe the groups by, row by row those of `X`, for example the columns
        of which `X` has logarithms; by default the columns of `X`.
    n_refits : int, default 20
        Fits to reweighted rows that tell how stable the groups are, each about a third
        of the work of the first; 0 leaves it out.
    random_seed : int, optional
        The same seed gives the same result.
    progress : bool

    Returns
    -------
    Analysis
        Print it, or write it with ``.report("report.html")`` or ``.save("folder")``.

    Raises
    ------
    InputError
        If the data or an argument cannot be used.
    """
    table, seed = check_table(X), check_seed(random_seed)
    described = _check_described(describe, table)
    check_count("n_refits", n_refits, at_least=0)
    kind_of_priors(method)  # refuses unknown methods
    candidates = _candidates(n_components)
    watch = _Stopwatch()
    with watch("EM"), announce("Fitting by EM", progress):
        em, selection = _fit_em(table, candidates, covariance_type, seed)
    k = em.parameters_.n_components
    settings = {
        "n_components": candidates if len(candidates) > 1 else k,
        "covariance_type": covariance_type,
        "method": method,
        "draws": draws,
        "chains": chains,
        "n_refits": n_refits,
    }
    with watch("model"):
        priors = priors_of(table, em, settings)
        model = build_model(table, k, covariance_type, priors=priors, init=em)
    with watch("sampling"):
        posterior = sample(
            model,
            method=method,
            draws=draws,
            chains=chains,
            random_seed=seed,
            progress=progress,
        )
    with watch("telling"), announce("Describing the groups", progress):
        told = tellings(em, posterior, table, described, seed)
    with watch("stability"):
        stability = _stability(em, table, posterior, n_refits, seed, progress)
    return Analysis(
        data=table,
        em=em,
        selection=selection,
        priors=priors,
        posterior=posterior,
        stability=stability,
        random_seed=seed,
        settings=settings,
        versions=_versions(),
        seconds=watch.seconds,
        **told,
    )


def _check_described(describe, table: Table) -> Table:
    try:
        return read_columns(describe, table)
    except InputError as error:
        raise InputError("describe", error.rule, error.got, error.remedy) from None


def _stability(em, table, posterior, n_refits, seed, progress) -> Stability | None:
    if not n_refits:
        return None
    return partition_stability(
        em,
        table,
        posterior,
        n_refits=n_refits,
        random_state=seed,
        progress=progress,
    )


def _candidates(n_components):
    """Return the numbers of components to try, as a sorted list."""
    if isinstance(n_components, Iterable) and not isinstance(n_components, str):
        counts = sorted({check_count("n_components", k) for k in n_components})
        if counts:
            return counts
        raise InputError(
            "n_components", "name a number", "none", "For example `range(1, 7)`."
        )
    return [check_count("n_components", n_components)]


def _fit_em(table, candidates, covariance_type, seed):
    """Fit every candidate; return the best by BIC, and a table if there are several."""
    settings = {"covariance_type": covariance_type, "random_state": seed}
    build_objective(GaussianMixture(candidates[-1], **settings), table, None)
    fits = [GaussianMixture(k, **settings).fit(table) for k in candidates]
    rows = [
        {
            "n_components": em.n_components,
            "log_likelihood": em.log_likelihood_,
            "bic": em.bic(table),
            "em": _describe_end(em),
        }
        for em in fits
    ]
    # A component without spread makes the likelihood as high as one likes.
    best = min(
        range(len(fits)), key=lambda i: (_is_degenerate(fits[i]), rows[i]["bic"])
    )
    selection = pd.DataFrame(rows).set_index("n_components")
    return fits[best], selection if len(candidates) > 1 else None


def _is_degenerate(em):
    """Tell whether a component of the fit is no group, but a few rows or ties."""
    return em.status_ is Status.COLLAPSED or em.restarts_.spurious


def _describe_end(em):
    if em.status_ is not Status.COLLAPSED and em.restarts_.spurious:
        return "spurious"
    return em.status_.name.lower().replace("_", " ")


class _Stopwatch:
    """Seconds by stage."""

    def __init__(self):
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage):
        start = time.perf_counter()
        yield
        self.seconds[stage] = time.perf_counter() - start


def _versions():
    packages = {name: version(name) for name in PACKAGES}
    return {"python": platform.python_version()} | packages
