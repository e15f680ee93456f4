"""Gaussian mixtures: EM, Bayesian posteriors in PyMC, and the two side by side.

Every public name is loaded on first use, so that `import bayesgmm` is quick and
imports neither PyMC, ArviZ, Numba, pandas nor matplotlib.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bayesgmm import datasets as datasets
    from bayesgmm import errors as errors
    from bayesgmm import priors as priors
    from bayesgmm.analysis import Analysis as Analysis
    from bayesgmm.areas import area as area
    from bayesgmm.bootstrap import bootstrap as bootstrap
    from bayesgmm.bootstrap import bootstrap_summary as bootstrap_summary
    from bayesgmm.column_information import column_information as column_information
    from bayesgmm.combine import Combination as Combination
    from bayesgmm.combine import merge_components as merge_components
    from bayesgmm.compare import Comparison as Comparison
    from bayesgmm.compare import compare as compare
    from bayesgmm.compressed import Compressed as Compressed
    from bayesgmm.compressed import compress as compress
    from bayesgmm.confident import ambiguous_rows as ambiguous_rows
    from bayesgmm.confident import confident_labels as confident_labels
    from bayesgmm.conjugate import ConjugatePrior as ConjugatePrior
    from bayesgmm.conjugate_default import conjugate_prior as conjugate_prior
    from bayesgmm.coreset import Coreset as Coreset
    from bayesgmm.coreset import coreset as coreset
    from bayesgmm.coreset_error import CoresetError as CoresetError
    from bayesgmm.diagnose import diagnose as diagnose
    from bayesgmm.diagnosis import Diagnosis as Diagnosis
    from bayesgmm.engines import ChunkStatistics as ChunkStatistics
    from bayesgmm.engines import add_statistics as add_statistics
    from bayesgmm.engines import gradient_norm as gradient_norm
    from bayesgmm.engines import sufficient_statistics as sufficient_statistics
    from bayesgmm.engines import update as update
    from bayesgmm.errors import InputError as InputError
    from bayesgmm.estimator import GaussianMixture as GaussianMixture
    from bayesgmm.evidence import Evidence as Evidence
    from bayesgmm.evidence import evidence as evidence
    from bayesgmm.filled import condition_on_filled as condition_on_filled
    from bayesgmm.impute import impute as impute
    from bayesgmm.label_draws import draw_labels as draw_labels
    from bayesgmm.log_score import log_score as log_score
    from bayesgmm.log_score import predictive_density as predictive_density
    from bayesgmm.loo import loo as loo
    from bayesgmm.lrt import LikelihoodRatioTest as LikelihoodRatioTest
    from bayesgmm.lrt import likelihood_ratio_test as likelihood_ratio_test
    from bayesgmm.lrt import (
        sequential_likelihood_ratio_tests as sequential_likelihood_ratio_tests,
    )
    from bayesgmm.marginal.distribution import MvNormalMixture as MvNormalMixture
    from bayesgmm.marginal.model import build_model as build_model
    from bayesgmm.membership import membership as membership
    from bayesgmm.over_labels import LabelAverage as LabelAverage
    from bayesgmm.over_labels import average_over_labels as average_over_labels
    from bayesgmm.parameters import MixtureParameters as MixtureParameters
    from bayesgmm.partition_stability import Stability as Stability
    from bayesgmm.partition_stability import partition_stability as partition_stability
    from bayesgmm.partitions.core import confident_core as confident_core
    from bayesgmm.partitions.losses import binder as binder
    from bayesgmm.partitions.losses import partition_distance as partition_distance
    from bayesgmm.partitions.point import Partition as Partition
    from bayesgmm.partitions.point import partition as partition
    from bayesgmm.partitions.several import several_partitions as several_partitions
    from bayesgmm.partitions.similarity import similarity as similarity
    from bayesgmm.pipeline import fit as fit
    from bayesgmm.plots.calibration import plot_calibration as plot_calibration
    from bayesgmm.plots.combination import plot_combination as plot_combination
    from bayesgmm.plots.comparison import plot_comparison as plot_comparison
    from bayesgmm.plots.density import plot_density as plot_density
    from bayesgmm.plots.diagnosis import plot_diagnosis as plot_diagnosis
    from bayesgmm.plots.ellipses import plot_ellipses as plot_ellipses
    from bayesgmm.plots.loo import plot_loo as plot_loo
    from bayesgmm.plots.membership import plot_membership as plot_membership
    from bayesgmm.plots.optima import plot_optima as plot_optima
    from bayesgmm.plots.pairs import plot_pairs as plot_pairs
    from bayesgmm.plots.prior import plot_prior as plot_prior
    from bayesgmm.plots.prior_posterior import (
        plot_prior_posterior as plot_prior_posterior,
    )
    from bayesgmm.plots.prior_predictive import (
        plot_prior_predictive as plot_prior_predictive,
    )
    from bayesgmm.plots.profile import plot_profile as plot_profile
    from bayesgmm.plots.segments import plot_segments as plot_segments
    from bayesgmm.plots.selection import plot_selection as plot_selection
    from bayesgmm.plots.similarity import plot_similarity as plot_similarity
    from bayesgmm.plots.ternary import plot_ternary as plot_ternary
    from bayesgmm.predictive_check import predictive_check as predictive_check
    from bayesgmm.prior_sampling import sample_prior as sample_prior
    from bayesgmm.priors import Priors as Priors
    from bayesgmm.priors import default_priors as default_priors
    from bayesgmm.profile import profile as profile
    from bayesgmm.profile_result import Profile as Profile
    from bayesgmm.relabel import align_to as align_to
    from bayesgmm.relabel import relabel as relabel
    from bayesgmm.relabel import relabelling_agreement as relabelling_agreement
    from bayesgmm.relabel import rename as rename
    from bayesgmm.relabel import unrelabel as unrelabel
    from bayesgmm.sampling import sample as sample
    from bayesgmm.segmentation import segment as segment
    from bayesgmm.selection import Selection as Selection
    from bayesgmm.selection import select as select
    from bayesgmm.smoothing import smooth as smooth
    from bayesgmm.stacking import Stacking as Stacking
    from bayesgmm.stacking import stack_chains as stack_chains
    from bayesgmm.standard_errors import standard_errors as standard_errors

    __version__: str

_HOME = {
    "Analysis": "analysis",
    "ChunkStatistics": "engines",
    "Combination": "combine",
    "Comparison": "compare",
    "Compressed": "compressed",
    "ConjugatePrior": "conjugate",
    "Coreset": "coreset",
    "CoresetError": "coreset_error",
    "Diagnosis": "diagnosis",
    "Evidence": "evidence",
    "GaussianMixture": "estimator",
    "InputError": "errors",
    "LabelAverage": "over_labels",
    "LikelihoodRatioTest": "lrt",
    "MixtureParameters": "parameters",
    "MvNormalMixture": "marginal.distribution",
    "Partition": "partitions.point",
    "Priors": "priors",
    "Profile": "profile_result",
    "Selection": "selection",
    "Stability": "partition_stability",
    "Stacking": "stacking",
    "add_statistics": "engines",
    "align_to": "relabel",
    "ambiguous_rows": "confident",
    "area": "areas",
    "average_over_labels": "over_labels",
    "binder": "partitions.losses",
    "bootstrap": "bootstrap",
    "bootstrap_summary": "bootstrap",
    "build_model": "marginal.model",
    "column_information": "column_information",
    "compare": "compare",
    "compress": "compressed",
    "condition_on_filled": "filled",
    "confident_core": "partitions.core",
    "confident_labels": "confident",
    "conjugate_prior": "conjugate_default",
    "coreset": "coreset",
    "default_priors": "priors",
    "diagnose": "diagnose",
    "draw_labels": "label_draws",
    "evidence": "evidence",
    "fit": "pipeline",
    "gradient_norm": "engines",
    "impute": "impute",
    "likelihood_ratio_test": "lrt",
    "log_score": "log_score",
    "loo": "loo",
    "membership": "membership",
    "merge_components": "combine",
    "partition": "partitions.point",
    "partition_distance": "partitions.losses",
    "plot_calibration": "plots.calibration",
    "plot_combination": "plots.combination",
    "partition_stability": "partition_stability",
    "plot_comparison": "plots.comparison",
    "plot_density": "plots.density",
    "plot_diagnosis": "plots.diagnosis",
    "plot_ellipses": "plots.ellipses",
    "plot_loo": "plots.loo",
    "plot_membership": "plots.membership",
    "plot_optima": "plots.optima",
    "plot_pairs": "plots.pairs",
    "plot_prior": "plots.prior",
    "plot_prior_posterior": "plots.prior_posterior",
    "plot_prior_predictive": "plots.prior_predictive",
    "plot_profile": "plots.profile",
    "plot_segments": "plots.segments",
    "plot_selection": "plots.selection",
    "plot_similarity": "plots.similarity",
    "plot_ternary": "plots.ternary",
    "predictive_check": "predictive_check",
    "predictive_density": "log_score",
    "profile": "profile",
    "relabel": "relabel",
    "relabelling_agreement": "relabel",
    "rename": "relabel",
    "sample": "sampling",
    "sample_prior": "prior_sampling",
    "segment": "segmentation",
    "select": "selection",
    "sequential_likelihood_ratio_tests": "lrt",
    "several_partitions": "partitions.several",
    "similarity": "partitions.similarity",
    "smooth": "smoothing",
    "stack_chains": "stacking",
    "standard_errors": "standard_errors",
    "sufficient_statistics": "engines",
    "unrelabel": "relabel",
    "update": "engines",
}
_MODULES = ("datasets", "errors", "priors")

if not TYPE_CHECKING:  # type checkers read the imports above
    __all__ = [*_HOME, *_MODULES, "__version__"]


def __getattr__(name: str) -> Any:
    """Load a public name on first use and keep it (PEP 562)."""
    value = _load(name)
    globals()[name] = value
    return value


def _load(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version(__name__)
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_MODULES, "__version__"})


class _Package(ModuleType):
    """A package whose functions are not hidden by the modules they live in.

    The import system binds each submodule on its package. `relabel`, `diagnose`,
    `bootstrap` and others are functions in modules of the same name; there the public
    function wins. The modules stay importable: `from bayesgmm.compare import x`.
    """

    def __setattr__(self, name: str, value: Any) -> None:
        if not (name in _HOME and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __reduce__(self):
        """Let functions that use the package go to other processes (cloudpickle)."""
        return import_module, (self.__name__,)


sys.modules[__name__].__class__ = _Package
