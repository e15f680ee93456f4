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

from bayesgmm.analysis import Analysis, priors_of, tellings
from bayesgmm.arguments import check_choice, check_count, check_seed
from bayesgmm.chosen_fit import choose_fit
from bayesgmm.errors import InputError, called
from bayesgmm.marginal.model import build_model
from bayesgmm.partition_stability import Stability, partition_stability
from bayesgmm.profile_columns import read_columns
from bayesgmm.progress import announce
from bayesgmm.sampling import kind_of_priors, sample
from bayesgmm.validation import MISSING, check_table

PACKAGES = ("bayesgmm", "numpy", "numba", "pymc", "nutpie", "arviz-base")


def fit(
    X,
    n_components: int | Iterable[int],
    covariance_type: str = "full",
    *,
    prior: Any = None,
    missing: str = "error",
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
    prior : None, "default", "mclust" or ConjugatePrior
        Of EM, as in `GaussianMixture`. Without one, a likelihood may have no maximum:
        if so, EM takes the default one after all, with a warning.
    missing : {"error", "fiml"}
        "fiml" uses rows with missing values, for what was observed of them.
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

    Warns
    -----
    CollapseWarning
        If EM found no maximum of the likelihood for the number of components used, or
        for any above one.
    """
    check_choice("missing", missing, MISSING)
    table, seed = check_table(X, missing), check_seed(random_seed)
    with called("describe"):
        described = read_columns(describe, table)
    check_count("n_refits", n_refits, at_least=0)
    kind_of_priors(method)  # refuses unknown methods
    candidates = _candidates(n_components)
    watch = _Stopwatch()
    with watch("EM"), announce("Fitting by EM", progress):
        how = {"covariance_type": covariance_type, "prior": prior, "missing": missing}
        em, selection = choose_fit(table, candidates, how | {"random_state": seed})
    k = em.parameters_.n_components
    settings = {
        "n_components": candidates if len(candidates) > 1 else k,
        "covariance_type": covariance_type,
        "prior": em.prior if isinstance(em.prior, str | None) else str(em.prior),
        "missing": missing,
        "method": method,
        "draws": draws,
        "chains": chains,
        "n_refits": n_refits,
    }
    with watch("model"):
        priors = priors_of(table, em, settings)
        model = build_model(
            table, k, covariance_type, priors=priors, init=em, missing=missing
        )
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
