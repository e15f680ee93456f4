"""What is known about the draws of a mixture: numbers, the verdict, its sentence."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesgmm.sentences import describe_optima, say
from bayesgmm.verdict import Verdict, judge


@dataclass(frozen=True, slots=True, eq=False)
class Diagnosis:
    """A verdict on a posterior, and the numbers behind it.

    Attributes
    ----------
    verdict : Verdict
    sentence : str
        The verdict with its numbers.
    invariants : pandas.DataFrame
        ``mean``, ``sd``, ``r_hat``, ``ess_bulk`` and ``ess_tail`` of quantities that
        no label switching touches.
    unrelabelled, parameters : pandas.DataFrame
        The same of weights, means and covariances, with the labels of the sampler and
        relabelled; empty where their number was drawn.
    chains : pandas.DataFrame
        By chain: mean ``log_likelihood`` and ``lp`` (where there is one), ``ess`` of
        the log-likelihood, the ``solution`` that it found, 0 the one of highest
        log-likelihood, the share of its draws for which it is ``frozen`` (it does not
        move), whether it ``repeats`` the very draws of one above, or ``moved``, so that
        it was elsewhere for a while, its ``switch_rate`` and ``n_divergences``.
    switch_rate : float
        Share of draws whose labels are not in the commonest order.
    confidence : float
        Mean confidence of relabelling, from 0 to 1.
    separation : float
        The least number of posterior sds by which two components differ in the feature
        that tells them apart best; infinite for one component.
    approximate : bool
        Whether the draws are of an approximation to the posterior.
    pareto_k : float
        Of its importance weights: how good it is. NaN if nobody computed it.
    optima : pandas.DataFrame or None
        The distinct optima that the restarts of the EM fit found. Chains that start at
        one of them cannot see the others. ``gap`` is how far the log-likelihood of each
        is below that of the first.
    traces : xarray.Dataset or None
        What tells components apart best, named in ``attrs["quantity"]``: ``original``
        and ``relabelled`` (chain, draw, component).
    solutions : pandas.DataFrame
        By solution: its ``chains``, their mean ``log_likelihood`` and ``lp``, and the
        ``gap`` by which its log-likelihood is below that of the first.
    n_optima : int or None
    n_divergences : int
    r_hat, relabelled_r_hat : float
        The highest of the invariants and of the relabelled parameters.
    ess : float
        The lowest bulk ESS of the invariants.
    """

    invariants: pd.DataFrame
    unrelabelled: pd.DataFrame
    parameters: pd.DataFrame
    chains: pd.DataFrame
    switch_rate: float
    confidence: float
    separation: float
    approximate: bool = False
    pareto_k: float = np.nan
    optima: pd.DataFrame | None = None
    traces: xr.Dataset | None = None

    @property
    def verdict(self) -> Verdict:
        """What the draws are good for."""
        return judge(self)

    @property
    def sentence(self) -> str:
        """The verdict with its numbers."""
        return say(self)

    @property
    def solutions(self) -> pd.DataFrame:
        """What the chains found, by solution."""
        groups = self.chains.groupby("solution")
        scores = [n for n in ("log_likelihood", "lp") if n in self.chains]
        means: Any = groups[scores].mean()
        chains = groups.apply(lambda group: tuple(group.index), include_groups=False)
        likely = means["log_likelihood"].to_numpy()
        table = pd.DataFrame({"chains": chains}).join(means)
        return table.assign(gap=likely[0] - likely)

    @property
    def n_optima(self) -> int | None:
        """How many distinct optima the EM restarts found; None without an EM fit."""
        return None if self.optima is None else len(self.optima)

    @property
    def n_divergences(self) -> int:
        """How many draws diverged."""
        return int(self.chains["n_divergences"].to_numpy().sum())

    @property
    def r_hat(self) -> float:
        """The highest R-hat of the invariants."""
        return _highest(self.invariants["r_hat"])

    @property
    def relabelled_r_hat(self) -> float:
        """The highest R-hat of the relabelled parameters."""
        return _highest(self.parameters["r_hat"])

    @property
    def ess(self) -> float:
        """The lowest bulk ESS of the invariants."""
        return -_highest(-self.invariants["ess_bulk"])

    def plot(self, ax: Any = None):
        """Plot what labels change, as drawn and relabelled; see `plot_diagnosis`.

        Parameters
        ----------
        ax : pair of matplotlib Axes, optional

        Returns
        -------
        matplotlib.figure.Figure
        """
        from bayesgmm.plots.diagnosis import plot_diagnosis

        return plot_diagnosis(self, ax=ax)

    def __str__(self) -> str:
        table = pd.concat(
            {
                "label-invariant": self.invariants,
                "as drawn": self.unrelabelled,
                "relabelled": self.parameters,
            }
        )
        worst = table.groupby(level=0, sort=False).agg(
            {"r_hat": "max", "ess_bulk": "min", "ess_tail": "min"}
        )
        parts = [
            self.sentence,
            worst.to_string(float_format="{:.4g}".format),
            self.chains.to_string(float_format="{:.4g}".format),
            f"{self.n_divergences} divergences; {describe_optima(self.optima)}",
        ]
        return "\n".join(parts)


def _highest(column: Any) -> float:
    """Return the highest number, infinity too; NaN if there is none."""
    return float(column.max())
