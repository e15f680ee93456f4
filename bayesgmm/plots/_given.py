"""The door of the pictures: what they are given is checked here, once."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr

from bayesgmm._typing import Floats
from bayesgmm.blocks import by_row, responsibilities_of
from bayesgmm.dims import COMPONENT, OBSERVATION
from bayesgmm.errors import InputError
from bayesgmm.incomplete import observe
from bayesgmm.kernels.reduce import responsibilities
from bayesgmm.naming import component_name
from bayesgmm.parameters import MixtureParameters, as_parameters
from bayesgmm.plots._style import Look, looks_of, thin
from bayesgmm.posterior import Draws, read_draws, read_mixtures
from bayesgmm.relabel.resolved import check_resolved, is_resolved
from bayesgmm.validation import Table, check_features, check_table

# Of draws, those over which shares of groups are averaged.
N_DRAWS = 200


@dataclass(frozen=True, slots=True, eq=False)
class Given:
    """Rows, and a mixture by draws, by EM, or by both.

    Attributes
    ----------
    table : Table
        With gaps, if the mixture has no noise.
    draws : Draws or None
    fit : MixtureParameters or None
    labelled : bool
        Whether a component is the same in all draws.
    """

    table: Table
    draws: Draws | None
    fit: MixtureParameters | None
    labelled: bool

    @property
    def components(self) -> list:
        """What colours stand for: those of the draws, else of EM; noise is the last."""
        by = self.draws if self.draws is not None and self.labelled else self.fit
        return [] if by is None else list(by.share_names)

    @property
    def names(self) -> list[str]:
        """What legends call them."""
        return [component_name(k) for k in self.components]

    @property
    def looks(self) -> list[Look]:
        """How they are drawn."""
        return looks_of(self.components)

    @property
    def point(self) -> tuple[Floats, Floats, Floats]:
        """Weights, means and covariances to choose features by."""
        if self.fit is not None:
            return self.fit.weights, self.fit.means, self.fit.covariances
        draws = self.draws
        assert draws is not None
        return draws.weights.mean(0), draws.means.mean(0), draws.covariances.mean(0)

    def shares(self, rows: Any) -> Floats:
        """Return p(k | what was observed of a row), averaged over draws or by EM.

        Parameters
        ----------
        rows : array of int
        """
        X = np.ascontiguousarray(self.table.values[rows])
        if self.draws is None:
            assert self.fit is not None
            return observe(X).each(responsibilities, self.fit)
        kept = self.draws.take(thin(self.draws.n_samples, N_DRAWS))
        parts = responsibilities_of(X, kept)
        return by_row(((at, block.mean(axis=0)) for at, block in parts), len(X))


def read_given(X: Any, posterior: Any, em: Any, *, labelled: bool = True) -> Given:
    """Return checked observations and mixtures.

    Parameters
    ----------
    X : array-like of shape (n_observations, n_features) or data frame
    posterior : xarray.DataTree or None
    em : GaussianMixture, MixtureParameters or None
    labelled : bool
        Whether the caller needs components that are the same in all draws.

    Raises
    ------
    InputError
        If there is no mixture, it is of other features, or its labels are needed and
        have not been resolved.
    """
    if posterior is None and em is None:
        raise InputError(
            "posterior",
            "be given, or `em`",
            "neither",
            "Pass the fitted EM, the posterior, or both.",
        )
    draws = fit = None
    if posterior is not None:
        draws = (read_draws if labelled else read_mixtures)(posterior, noisy=True)
        if labelled:
            check_resolved(posterior)
        labelled = labelled or (draws.of_one_size and is_resolved(posterior))
    if em is not None:
        fit = as_parameters(em, noisy=True)
    known: list[Any] = [each for each in (draws, fit) if each is not None]
    noisy = any(each.noise is not None for each in known)
    table = check_table(X, None if noisy else "fiml")
    for each in known:
        check_features(table, each.feature_names, named=False)
    return Given(table, draws, fit, labelled)


def check_result(argument: str, value: Any, has: tuple[str, ...], source: str) -> None:
    """Refuse what is not a result of the function `source`, known by what it has."""
    if all(hasattr(value, name) for name in has):
        return
    raise InputError(
        argument,
        f"be what `bayesgmm.{source}` returned",
        f"{type(value).__name__}",
        f"Pass the result of `bayesgmm.{source}(...)`.",
    )


def check_membership(membership: Any) -> xr.Dataset:
    """Return memberships row by row; refuse what has none, as a map of segments."""
    has = isinstance(membership, xr.Dataset) and "probability" in membership
    dims = membership["probability"].dims if has else ()
    if {OBSERVATION, COMPONENT} == {*dims}:
        return membership.transpose(OBSERVATION, COMPONENT, ...)
    raise InputError(
        "membership",
        "be a Dataset of the probabilities of rows",
        f"probabilities by {', '.join(map(str, dims))}"
        if has
        else type(membership).__name__,
        "Pass the result of `bayesgmm.membership(...)`.",
    )
