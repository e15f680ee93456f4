"""What draws are to be named after: a fit, another posterior, labels, the best draw."""

from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats, Ints
from bayesgmm.blocks import partition_of, total_log_likelihoods
from bayesgmm.dims import NOISE
from bayesgmm.errors import InputError
from bayesgmm.known_labels import check_numbers
from bayesgmm.parameters import MixtureParameters
from bayesgmm.posterior import (
    Draws,
    matching_parameters,
    read_draws,
    sample_stat,
)
from bayesgmm.relabel.assignment import solve
from bayesgmm.relabel.resolved import check_resolved
from bayesgmm.same_rows import check_rows, rows_of
from bayesgmm.validation import Table


class Reference(NamedTuple):
    """What draws are to be named after.

    Attributes
    ----------
    kind : str
    rows : array of shape (n_observations, n_features)
        Those that are looked at.
    labels : array of int, shape (n_observations,)
        A partition of them. What is no component is noise, or not known.
    mixture : Draws or None
        One draw, None where there are labels alone.
    names : sequence or None
        Of components; None leaves those that the posterior has.
    """

    kind: str
    rows: Floats
    labels: Ints
    mixture: Draws | None
    names: Any


def find_reference(
    reference: Any, posterior: xr.DataTree, draws: Draws, table: Table, max_rows: int
) -> Reference:
    """Return what the user means by a reference; without one it is the best draw.

    Parameters
    ----------
    reference : GaussianMixture, MixtureParameters, DataTree, labels, or None
    posterior : xarray.DataTree
    draws : Draws
        Those of the posterior.
    table : Table
    max_rows : int
        Of more rows every second, third, ... is looked at.
    """
    if _are_labels(reference):
        labels = _read_labels(reference, table, draws.n_components)
        if len(np.unique(labels[labels >= 0])) < draws.n_components - 1:
            labels = _complete(labels, posterior, draws, table, max_rows)
        # Of rows that are not known, which say nothing, none takes another's place.
        known = _thin(np.flatnonzero(labels >= 0), max_rows)
        names = range(draws.n_components)
        return Reference("labels", table.values[known], labels[known], None, names)
    rows = np.ascontiguousarray(_thin(table.values, max_rows))
    if reference is None:
        mixture = draws.take([_best(posterior, rows, draws)])
        kind, names = "best draw", None
    else:
        parameters = as_mixture(reference, draws)
        mixture = draws.only(parameters)
        kind, names = "reference", parameters.components
    return Reference(kind, rows, partition_of(rows, mixture), mixture, names)


def _thin(rows: Any, most: int) -> Any:
    """Return at most so many of the rows, evenly spread."""
    return rows[:: -(-len(rows) // most)]


def _are_labels(reference: Any) -> bool:
    if isinstance(reference, xr.DataTree | xr.Dataset):
        return False
    return isinstance(reference, list | tuple) or hasattr(reference, "__array__")


def _read_labels(reference: Any, table: Table, n_components: int) -> Ints:
    """Return a partition of the rows, below 0 where nothing is known."""
    obs_ids = rows_of(reference)
    if obs_ids is not None:
        check_rows("reference", obs_ids, table.obs_ids)
    labels = check_numbers(reference, table.n_observations, n_components, "reference")
    if (labels < 0).all():
        raise InputError(
            "reference",
            "know the label of some row",
            "-1 for all of them",
            "Leave it out to have the best draw as the pivot.",
        )
    return labels.astype(np.intp)


def _complete(labels: Ints, posterior, draws: Draws, table: Table, most: int) -> Ints:
    """Take unknown labels from the best draw, whose components are named by the others.

    Labels that leave out two components do not tell these apart.
    """
    k, known = draws.n_components, np.flatnonzero(labels >= 0)
    rows = np.union1d(known, _thin(np.arange(len(labels)), most))
    X = table.values[rows]
    own = partition_of(X, draws.take([_best(posterior, X, draws)]))
    counts = 0.5 * np.eye(k + 1, k)  # what has no rows keeps its place
    at = np.searchsorted(rows, known)
    np.add.at(counts, (own[at], labels[known]), 1.0)
    places = np.append(np.argsort(solve(-counts[None, :k])[0]), NOISE)
    result = labels.copy()
    result[rows] = np.where(labels[rows] >= 0, labels[rows], places[own])
    return result


def as_mixture(reference: Any, draws: Draws) -> MixtureParameters:
    """Return a fit's parameters, or the means of another posterior's, checked.

    Parameters
    ----------
    reference : GaussianMixture, MixtureParameters or DataTree
    draws : Draws
        What it must be like.
    """
    if isinstance(reference, xr.DataTree):
        check_resolved(reference, "reference")
        reference = mean_mixture(read_draws(reference, noisy=True))
    if not isinstance(getattr(reference, "parameters_", reference), MixtureParameters):
        raise InputError(
            "reference",
            "be a fitted GaussianMixture, MixtureParameters, or a posterior",
            type(reference).__name__,
            "Pass a fit, or what `bayesgmm.relabel` returned; a quantity goes with "
            '`method="order"`.',
        )
    return matching_parameters(reference, draws, "reference")


def mean_mixture(draws: Draws) -> MixtureParameters:
    """Return the means of weights, means and covariances, and names if there are."""
    named = all(isinstance(name, str) for name in draws.components.tolist())
    noise = draws.noise
    mixture = MixtureParameters(
        draws.weights.mean(axis=0),
        draws.means.mean(axis=0),
        draws.covariances.mean(axis=0),
        covariance_type="full",
        feature_names=draws.feature_names,
        component_names=tuple(draws.components.tolist()) if named else None,
        noise=noise,
    )
    if draws.noise_weight is None:
        return mixture
    return mixture.with_shares(np.append(mixture.weights, draws.noise_weight.mean()))


def _best(posterior, rows: Floats, draws: Draws) -> int:
    """Return the draw with the highest log-density."""
    scores = sample_stat(posterior, "lp")
    if scores is None or not np.isfinite(scores).any():
        scores = total_log_likelihoods(rows, draws)
    return int(np.nanargmax(scores))
