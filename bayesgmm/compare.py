"""An EM fit and a posterior side by side: parameters and observations."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from bayesgmm._typing import Floats, Ints
from bayesgmm.blocks import by_row, responsibilities_of
from bayesgmm.dims import COMPONENT, FEATURE, FEATURE_BIS, OBSERVATION
from bayesgmm.intervals import INTERVAL_PROBABILITY, spread
from bayesgmm.kept import allowed_of, observations_of
from bayesgmm.membership import membership
from bayesgmm.parameters import MixtureParameters
from bayesgmm.posterior import (
    RELABELLING,
    Draws,
    matching_parameters,
    read_draws,
)
from bayesgmm.relabel import align_to, relabel
from bayesgmm.validation import Table

N_SHOWN = 5
"""Parameters in the printed text: those that differ most."""

ROUNDING = 1e-12
"""Relative spread below which draws are one number."""


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """An EM fit and a posterior side by side.

    Attributes
    ----------
    table : pandas.DataFrame
        One row per weight, mean, standard deviation and correlation, by ``parameter``,
        ``component``, ``feature`` and ``feature_bis`` (empty where there is none).
        Columns: ``em``; the posterior's ``mean``, ``sd``, ``lower`` and ``upper``;
        ``standardised_difference``, em less mean in units of sd (0 if they are equal,
        NaN if only sd is 0). With a bootstrap its ``bootstrap_mean``,
        ``bootstrap_sd``, ``bootstrap_lower`` and ``bootstrap_upper``. The probability
        of the equal-tailed intervals is in ``table.attrs``.
    observations : pandas.DataFrame
        One row per observation: ``em_label``, ``em_probability``, ``posterior_label``,
        ``posterior_probability``, each of its own label, ``probability_sd``,
        ``parameter_entropy`` in nats, and ``moved``: whether the labels differ.
    """

    table: pd.DataFrame
    observations: pd.DataFrame

    @property
    def moved(self) -> pd.DataFrame:
        """The observations that EM and the posterior label differently."""
        return self.observations.loc[self.observations["moved"].to_numpy()]

    @property
    def n_moved(self) -> int:
        return int(self.observations["moved"].to_numpy().sum())

    @property
    def agreement(self) -> float:
        """Share of observations with the same label."""
        return 1.0 - self.n_moved / len(self.observations)

    def plot(self, ax: Any = None):
        """Plot the table; see `bayesgmm.plot_comparison`.

        Parameters
        ----------
        ax : matplotlib Axes, optional

        Returns
        -------
        matplotlib.figure.Figure
        """
        from bayesgmm.plots.comparison import plot_comparison

        return plot_comparison(self, ax)

    def __str__(self) -> str:
        n_components = len(self.table.index.unique(COMPONENT))
        probability = self.table.attrs["interval_probability"]
        return (
            f"EM and posterior, {n_components} components, "
            f"{len(self.observations)} observations: {self.agreement:.1%} carry the "
            f"same label ({self.n_moved} moved).\n"
            f"Parameters that differ most, intervals of {probability:.0%}:\n"
            f"{self._largest().to_string(float_format='{:.4g}'.format)}"
        )

    def _largest(self) -> pd.DataFrame:
        """The rows that differ most, named like "means[0, waiting]"."""
        difference = self.table["standardised_difference"].abs().to_numpy()
        largest = np.argsort(-difference, kind="stable")[:N_SHOWN]
        shown = self.table.iloc[largest]
        names = [
            f"{parameter}[{', '.join(str(x) for x in place if x != '')}]"
            for parameter, *place in shown.index
        ]
        columns = ["em", "mean", "sd", "lower", "upper", "standardised_difference"]
        return shown[columns].set_axis(names, axis=0)


def compare(
    em: Any, posterior: xr.DataTree, X: Any = None, bootstrap: Any = None
) -> Comparison:
    """Set an EM fit beside a posterior.

    Parameters
    ----------
    em : GaussianMixture or MixtureParameters
    posterior : xarray.DataTree
        Of as many components and features. If it is not relabelled, it is here; either
        way its components are matched with those of `em`.
    X : array-like of shape (n_observations, n_features) or data frame, optional
        By default the data that the posterior holds.
    bootstrap : xarray.DataTree, optional
        Replicates of `em`, laid out like a posterior; matched in the same way.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        If the numbers of components or features differ, or there are no data.
    """
    draws = read_draws(posterior)
    parameters = matching_parameters(em, draws)
    table = observations_of(posterior, draws.feature_names, X, gappy=True)
    matched = match(posterior, parameters, table)
    shares = responsibilities_of(
        table.values, draws.only(parameters), allowed_of(matched, table)
    )
    em_probability = by_row(
        ((rows, each[0]) for rows, each in shares), table.n_observations
    )
    columns = {"em": _flatten(parameters)} | _summarise(matched)
    if bootstrap is not None:
        matching_parameters(parameters, read_draws(bootstrap), "em")
        replicates = match(bootstrap, parameters, table)
        summary = _summarise(replicates)
        columns |= {f"bootstrap_{name}": value for name, value in summary.items()}
    return Comparison(
        _table(columns, parameters, read_draws(matched)),
        _observations(em_probability, membership(matched, table), table),
    )


def match(posterior: xr.DataTree, em: MixtureParameters, table: Table) -> xr.DataTree:
    """Return the posterior with its components named as those of `em`.

    Draws that were relabelled already keep their labels among themselves.
    """
    if RELABELLING not in posterior.children:
        return relabel(posterior, reference=em, X=table)
    return align_to(posterior, em)


def _flatten(mixture: MixtureParameters | Draws) -> Floats:
    """Lay weights, means, sds and correlations of one or many mixtures side by side."""
    covariances = mixture.covariances
    sds = np.sqrt(np.diagonal(covariances, axis1=-2, axis2=-1))
    correlations = covariances / (sds[..., :, None] * sds[..., None, :])
    i, j = np.triu_indices(sds.shape[-1], k=1)
    leading = mixture.weights.shape[:-1]
    parts = [mixture.weights, mixture.means, sds, correlations[..., i, j]]
    return np.concatenate([part.reshape(*leading, -1) for part in parts], axis=-1)


def _index(em: MixtureParameters, draws: Draws) -> pd.MultiIndex:
    """Name the columns of `_flatten`."""
    names, components = em.feature_names, draws.components.tolist()
    pairs = list(zip(*np.triu_indices(len(names), k=1), strict=True))
    rows = [("weights", k, "", "") for k in components]
    for parameter in ("means", "standard_deviations"):
        rows += [(parameter, k, name, "") for k in components for name in names]
    rows += [
        ("correlations", k, names[i], names[j]) for k in components for i, j in pairs
    ]
    levels = ["parameter", COMPONENT, FEATURE, FEATURE_BIS]
    return pd.MultiIndex.from_tuples(rows, names=levels)


def _summarise(posterior: xr.DataTree) -> dict[str, Floats]:
    """Return mean, sd and interval of each column of `_flatten`."""
    draws = read_draws(posterior)
    values = _flatten(draws)
    summary = spread(values, INTERVAL_PROBABILITY, draws.stretch)
    fixed = np.ptp(values, axis=0) <= ROUNDING * np.abs(values).max(axis=0)
    return summary._replace(sd=np.where(fixed, 0.0, summary.sd))._asdict()


def _table(columns, em: MixtureParameters, draws: Draws) -> pd.DataFrame:
    table = pd.DataFrame(columns, index=_index(em, draws))
    standardised = _standardise(columns["em"], columns["mean"], columns["sd"])
    table.insert(5, "standardised_difference", standardised)
    table.attrs["interval_probability"] = INTERVAL_PROBABILITY
    return table


def _standardise(em: Floats, mean: Floats, sd: Floats) -> Floats:
    """Return (em - mean) / sd; where sd is 0, 0 if they are equal and else NaN."""
    difference = em - mean
    equal = np.abs(difference) <= ROUNDING * np.maximum(np.abs(em), np.abs(mean))
    unknown = np.where(equal, 0.0, np.nan)
    return np.divide(difference, sd, out=unknown, where=sd > 0)


def _observations(
    em_probability: Floats, ours: xr.Dataset, table: Table
) -> pd.DataFrame:
    em_label, label = em_probability.argmax(axis=1), ours["label"].values
    return pd.DataFrame(
        {
            "em_label": em_label,
            "em_probability": _own(em_probability, em_label),
            "posterior_label": label,
            "posterior_probability": _own(ours["probability"].values, label),
            "probability_sd": _own(ours["probability_sd"].values, label),
            "parameter_entropy": ours["parameter_entropy"].values,
            "moved": em_label != label,
        },
        index=pd.Index(table.obs_ids, name=OBSERVATION),
    )


def _own(values: Floats, label: Ints) -> Floats:
    """Return each row's value at its label."""
    return np.take_along_axis(values, label[:, None], axis=1)[:, 0]
