"""What `pipeline.fit` returns: two fits, and all there is to tell about the groups."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pandas as pd
import xarray as xr

from bayesgmm.column_information import column_information
from bayesgmm.compare import Comparison, compare
from bayesgmm.confident import ambiguous_rows
from bayesgmm.diagnose import diagnose
from bayesgmm.diagnosis import Diagnosis
from bayesgmm.estimator import GaussianMixture
from bayesgmm.files import read_saved, save_analysis
from bayesgmm.kept import observations_of
from bayesgmm.membership import membership
from bayesgmm.partition_stability import Stability
from bayesgmm.predictive_check import predictive_check
from bayesgmm.priors import Priors, default_priors
from bayesgmm.priors.covariances import is_conjugate_family
from bayesgmm.profile import profile
from bayesgmm.profile_columns import read_columns
from bayesgmm.profile_result import Profile
from bayesgmm.report import summary_text, write_report
from bayesgmm.sampling import kind_of_priors
from bayesgmm.validation import Table


@dataclass(frozen=True, slots=True, eq=False)
class Analysis:
    """A Gaussian mixture fitted twice, by EM and as a posterior, and its groups.

    Attributes
    ----------
    data : Table
    described : Table
        The columns that `profile` and `columns` are of.
    em : GaussianMixture
    selection : pandas.DataFrame or None
        BIC by number of components (lower is better), if several were tried, and how
        EM ended: converged, iteration limit, spurious or collapsed.
    priors : Priors
    posterior : xarray.DataTree
    diagnosis : Diagnosis
    membership : xarray.Dataset
    comparison : Comparison
    profile : Profile
        Of the groups in the population that the rows are drawn from: sizes, means and
        standard deviations with intervals; ``profile.contrast(a, b)`` compares two.
    columns : pandas.DataFrame
        How much each column tells of the group of a row; see `column_information`.
    check : pandas.DataFrame
        How data drawn from the posterior differ from the data; see `predictive_check`.
    stability : Stability or None
        Whether refits and chains divide the rows alike; see `partition_stability`.
    random_seed : int
    settings : dict
        The arguments of the call.
    versions : dict of str
    seconds : dict of float
        What each stage took.
    """

    data: Table
    described: Table
    em: GaussianMixture
    selection: pd.DataFrame | None
    priors: Priors
    posterior: xr.DataTree
    diagnosis: Diagnosis
    membership: xr.Dataset
    comparison: Comparison
    profile: Profile
    columns: pd.DataFrame
    check: pd.DataFrame
    stability: Stability | None
    random_seed: int
    settings: dict[str, Any]
    versions: dict[str, str]
    seconds: dict[str, float]

    @property
    def ambiguous_rows(self) -> pd.DataFrame:
        """The rows in doubt, the most ambiguous first; see `ambiguous_rows`."""
        return ambiguous_rows(self.membership)

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
        """Write the report, the fits and tables into a folder.

        These are report.html, posterior.nc, em.json, membership.csv (one row an
        observation), groups.csv (the profile), and what else `load` needs.

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

    @classmethod
    def load(cls, directory: str | Path) -> Self:
        """Return the analysis that was saved in a folder, without fitting again.

        Parameters
        ----------
        directory : path

        Returns
        -------
        Analysis

        Raises
        ------
        InputError
            If a file of the analysis is missing or cannot be read.
        """
        saved = read_saved(directory)
        em = GaussianMixture.load(saved.em)
        names = em.parameters_.feature_names
        table = observations_of(saved.posterior, names, gappy=True)
        settings = saved.settings
        return cls(
            data=table,
            em=em,
            priors=priors_of(table, em, settings),
            posterior=saved.posterior,
            random_seed=saved.random_seed,
            settings=settings,
            selection=saved.selection,
            stability=saved.stability,
            versions=saved.versions,
            seconds=saved.seconds,
            **tellings(em, saved.posterior, table, saved.described, saved.random_seed),
        )


def priors_of(table: Table, em, settings) -> Priors:
    """Return the default priors of a sampler, such as EM has one if it does.

    A density of log-normal scales is unbounded where a component shrinks onto equal
    rows, as a likelihood is. One of inverse-Wishart covariances is not.
    """
    kind, family = kind_of_priors(settings["method"]), em.parameters_.family
    if kind == "default" and em.prior is not None and is_conjugate_family(family):
        kind = "independent"
    k = em.parameters_.n_components
    return default_priors(table, k, family.name, kind=kind, missing=em.missing)


def tellings(em, posterior, table: Table, described: Any, seed: int) -> dict[str, Any]:
    """Return what EM and the posterior have to tell, by field of `Analysis`."""
    described = table if described is None else described
    return {
        "described": read_columns(described, table),
        "diagnosis": diagnose(posterior, em=em),
        "membership": membership(posterior, table),
        "comparison": compare(em, posterior, table),
        "profile": profile(posterior, described, population=True, random_seed=seed),
        "columns": column_information(posterior, described, random_seed=seed),
        "check": predictive_check(posterior, random_seed=seed),
    }
