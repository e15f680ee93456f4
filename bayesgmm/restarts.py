"""Many runs of one fit: the best of them, and what they say together."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Self

import numpy as np
import pandas as pd

from bayesgmm.dims import COMPONENT
from bayesgmm.em import EMRun, Status
from bayesgmm.fittable import FLOOR
from bayesgmm.optima import Optimum, find_optima, is_spurious
from bayesgmm.parameters import MixtureParameters


@dataclass(frozen=True, slots=True, eq=False)
class Restarts:
    """All runs of one fit.

    Attributes
    ----------
    best : EMRun
        The highest objective; a spurious one only if all are, a collapsed one, even if
        repaired, only if all collapsed.
    runs : tuple of EMRun
        In the order of their starts.
    optima : tuple of Optimum
        Distinct ends of the runs that converged, the best one first.
    spurious : bool
        Whether `best` is; see `bayesgmm.optima.is_spurious`.
    """

    best: EMRun
    runs: tuple[EMRun, ...]
    optima: tuple[Optimum, ...]
    spurious: bool

    @classmethod
    def of(cls, runs: Iterable[EMRun], n_observations: float, n_rows: int) -> Self:
        """Choose the best run and count the optima."""
        runs = tuple(runs)
        optima = find_optima(runs, n_observations, n_rows)
        stopped = [run for run in runs if run.status is Status.ITERATION_LIMIT]
        candidates = [o.run for o in optima] + stopped or list(runs)
        best = max(
            candidates,
            key=lambda run: (
                run.collapse is None,
                not is_spurious(run, n_rows),
                run.objective,
            ),
        )
        return cls(best, runs, optima, is_spurious(best, n_rows))

    @property
    def n_collapsed(self) -> int:
        return sum(run.collapse is not None for run in self.runs)

    def table(self) -> pd.DataFrame:
        """Return the optima, one a row, best first."""
        return pd.DataFrame(
            {
                "log_likelihood": [o.run.log_likelihood for o in self.optima],
                "hits": [o.hits for o in self.optima],
                "gradient_norm": [o.run.gradient_norm for o in self.optima],
                "smallest_weight": [
                    o.run.parameters.weights.min() for o in self.optima
                ],
                "spurious": [o.spurious for o in self.optima],
            }
        )

    def describe(self) -> str:
        """Return the fit in words, and its components in a table."""
        best, parameters = self.best, self.best.parameters
        ends = "; ".join(
            f"{o.run.log_likelihood:.3f} ({o.hits}x)" for o in self.optima[:5]
        )
        history = [
            best.status.value,
            f"log-likelihood {best.log_likelihood:.4f}, {parameters.n_parameters} "
            f"parameters, {best.n_iter} steps, gradient norm {best.gradient_norm:.1e}",
            f"{len(self.runs)} starts: {len(self.optima)} distinct optima"
            + (f", log-likelihoods {ends}" if ends else "")
            + (f"; {self.n_collapsed} collapsed" if self.n_collapsed else ""),
            *["A component rests on too few rows to be a group."] * self.spurious,
        ]
        return describe_mixture(parameters, history)

    def describe_singular(self, n_spanned: int) -> str:
        """Return what was done about columns that span fewer dimensions, what helps."""
        parameters = self.best.parameters
        return (
            f"The {parameters.n_features} columns span {n_spanned} dimensions, where a "
            f"likelihood with covariance_type={parameters.covariance_type!r} has no "
            f"maximum. In the other directions components were given {FLOOR:g} of the "
            "variances, so that labels and means can be used, and log-likelihoods mean "
            "nothing. Drop columns that the others determine, add rows, choose "
            "`covariance_type='diag'`, or set `prior='default'` or `reg_covar`."
        )

    def describe_collapse(self) -> str:
        """Return what happened when every run collapsed, and what helps."""
        collapse, parameters = self.best.collapse, self.best.parameters
        assert collapse is not None
        place = collapse.component
        name = "a component" if place is None else f"component {place}"
        ridge = 1e-3 * np.diagonal(parameters.covariances, axis1=1, axis2=2).mean()
        fate = _what_happened(collapse.rows)
        return (
            f"All {len(self.runs)} runs collapsed. In the best one {name} (weight "
            f"{collapse.weight:.3g}) {fate} {collapse.outcome} "
            "To avoid this, lower `n_components`, look at these rows and at the "
            "largest values, choose a simpler `covariance_type`, or set "
            f"`prior='default'` or `reg_covar`, for example to {ridge:.1g}."
        )


def _describe_noise(parameters):
    noise = parameters.noise
    if noise is None:
        return []
    volume = np.exp(-noise.log_density)
    return [f"Noise of weight {noise.weight:.4g}, uniform in a volume of {volume:.4g}"]


def _what_happened(rows):
    if len(rows) == 0:
        return "lost all its rows to the others."
    shown = ", ".join(map(str, rows[:10])) + (", ..." if len(rows) > 10 else "")
    return (
        f"shrank onto {len(rows)} rows ({shown}) without spread, where the likelihood "
        "has no maximum, or with less than a hundred-thousandth of the data's, as "
        "happens beside far outliers."
    )


def describe_mixture(parameters: MixtureParameters, history: Iterable[str] = ()) -> str:
    """Return what a mixture is, lines on how it was found, and its components."""
    lines = [
        f"Gaussian mixture, {parameters.n_components} components, "
        f"{parameters.covariance_type} covariances",
        *history,
        *_describe_noise(parameters),
        "",
        component_table(parameters).to_string(float_format="{:.4g}".format),
    ]
    return "\n".join(lines)


def component_table(parameters: MixtureParameters) -> pd.DataFrame:
    """Return weight, means and standard deviations, one component a row."""
    deviations = np.sqrt(np.diagonal(parameters.covariances, axis1=1, axis2=2))
    columns = {"weight": parameters.weights}
    for j, name in enumerate(parameters.feature_names):
        columns[f"mean {name}"] = parameters.means[:, j]
        columns[f"sd {name}"] = deviations[:, j]
    index = pd.Index(parameters.components, name=COMPONENT)
    return pd.DataFrame(columns, index)
