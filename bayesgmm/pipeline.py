"""The whole story, top to bottom: data to EM to posterior to comparison.

Start reading here: each line of `fit` is one step of the package, and its output is
the next step's input.
"""

import platform
import time
from collections.abc import Iterable
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import xarray as xr

from bayesgmm.arguments import check_count, check_seed
from bayesgmm.compare import Comparison, compare
from bayesgmm.diagnose import diagnose
from bayesgmm.diagnosis import Diagnosis
from bayesgmm.em import Status
from bayesgmm.errors import InputError
from bayesgmm.estimator import GaussianMixture
from bayesgmm.files import save_analysis
from bayesgmm.fitting import build_objective
from bayesgmm.marginal.model import build_model
from bayesgmm.membership import membership
from bayesgmm.priors import Priors, default_priors
from bayesgmm.progress import announce
from bayesgmm.report import summary_text, write_report
from bayesgmm.sampling import kind_of_priors, sample
from bayesgmm.validation import Table, check_table

PACKAGES = ("bayesgmm", "numpy", "numba", "pymc", "nutpie", "arviz-base")


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """A Gaussian mixture fitted twice, by EM and as a posterior, and compared.

    Attributes
    ----------
    data : Table
    em : GaussianMixture
    selection : pandas.DataFrame or None
        BIC by number of components (lower is better), if several were tried, and how
        EM ended: converged, iteration limit, spurious or collapsed.
    priors : Priors
    posterior : xarray.DataTree
    diagnosis : Diagnosis
    membership : xarray.Dataset
    comparison : Comparison
    random_seed : int
    settings : dict
        The arguments of the call.
    versions : dict of str
    seconds : dict of float
        What each stage took.
    """

    data: Table
    em: GaussianMixture
    selection: pd.DataFrame | None
    priors: Priors
    posterior: xr.DataTree
    diagnosis: Diagnosis
    membership: xr.Dataset
    comparison: Comparison
    random_seed: int
    settings: dict[str, Any]
    versions: dict[str, str]
    seconds: dict[str, float]

    def __str__(self) -> str:
        return summary_text(self)

    def report(self, path: str | Path) -> Path:
        """Write one self-contained HTML file.

        Parameters
        ----------
        path : path
            Of the file; one that exists is replaced in one step.

        Returns
        -------
        pathlib.Path
        """
        return write_report(self, path)

    def save(self, directory: str | Path) -> Path:
        """Write report.html, posterior.nc, em.json and membership.csv.

        Parameters
        ----------
        directory : path
            Made if it is not there; files of these names are replaced.

        Returns
        -------
        pathlib.Path
            The folder.
        """
        return save_analysis(self, directory)


def fit(
    X,
    n_components: int | Iterable[int],
    covariance_type: str = "full",
    *,
    method: str = "nuts",
    draws: int = 1000,
    chains: int = 4,
    random_seed: int | None = None,
    progress: bool = True,
) -> Analysis:
    """Fit a Gaussian mixture by EM and as a posterior, and compare the two.

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
    kind = kind_of_priors(method)
    candidates = _candidates(n_components)
    watch = _Stopwatch()
    with watch("EM"), announce("Fitting by EM", progress):
        em, selection = _fit_em(table, candidates, covariance_type, seed)
    with watch("model"):
        k = em.parameters_.n_components
        priors = default_priors(table, k, covariance_type, kind=kind)
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
    with watch("diagnosis"):
        diagnosis = diagnose(posterior, em=em)
        members = membership(posterior, table)
        comparison = compare(em, posterior, table)
    settings = {
        "n_components": candidates if len(candidates) > 1 else k,
        "covariance_type": covariance_type,
        "method": method,
        "draws": draws,
        "chains": chains,
    }
    return Analysis(
        data=table,
        em=em,
        selection=selection,
        priors=priors,
        posterior=posterior,
        diagnosis=diagnosis,
        membership=members,
        comparison=comparison,
        random_seed=seed,
        settings=settings,
        versions=_versions(),
        seconds=watch.seconds,
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
