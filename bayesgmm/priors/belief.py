"""`Priors`: what is believed about a mixture before its data."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bayesgmm._typing import Floats
from bayesgmm.arguments import check_count, check_seed
from bayesgmm.covariances import CovarianceFamily
from bayesgmm.errors import InputError
from bayesgmm.priors.covariances import (
    CovariancesPrior,
    HierarchicalInverseWishart,
    InverseWishart,
    is_conjugate_family,
)
from bayesgmm.priors.means import MeansPrior
from bayesgmm.priors.own import check_number_of_own, check_own, own_components
from bayesgmm.priors.simulation import PriorSimulation, simulate
from bayesgmm.priors.sizes import SizesPrior
from bayesgmm.priors.weights import WeightsPrior


@dataclass(frozen=True, slots=True, eq=False)
class Priors:
    """Priors on weights, means, covariances and, if not known, how many there are.

    Each part says the PyMC form of the model and, where it exists, the conjugate form
    for Gibbs sampling: it is the same prior, whatever samples the posterior.

    Attributes
    ----------
    weights : Dirichlet or StickBreaking
    means : NormalMeans, ScaledNormalMeans or NormalGammaMeans
    covariances : LogNormalLKJ, InverseWishart or HierarchicalInverseWishart
    feature_names : tuple of str
    n_components : UniformSizes, PoissonSizes, BetaNegativeBinomialSizes, \
SizeProbabilities or None
        None where the number of components is given.
    """

    weights: WeightsPrior
    means: MeansPrior
    covariances: CovariancesPrior
    feature_names: tuple[str, ...]
    n_components: SizesPrior | None = None

    def __post_init__(self):
        for name, kinds in _PARTS.items():
            _check_part(name, getattr(self, name), kinds)
        for name in ("means", "covariances"):
            got, wanted = getattr(self, name).n_features, len(self.feature_names)
            if got != wanted:
                raise InputError(
                    name,
                    f"have the {wanted} features of `feature_names`",
                    f"{got}",
                    "Give one number for every feature.",
                )
        check_own(self)

    @classmethod
    def from_posterior(cls, posterior: Any, *, discount: float = 1.0) -> "Priors":
        """Make last year's posterior this year's prior, by matching moments.

        Each component has priors of its own: ``Dirichlet`` weights with the means and
        the total variance of the draws, independent ``NormalMeans`` with their means
        and standard deviations, and ``InverseWishart`` covariances with their means.
        The degrees of freedom, common to all components, are those at which the
        variances of the component that is known least vary as they do in the draws:
        of none is more said to be known than is. Correlations between parameters are
        left out.

        Parameters
        ----------
        posterior : xarray.DataTree
            Relabelled draws of a mixture with a known number of components.
        discount : float, default 1.0
            In (0, 1]. Last year counts as that part of its rows: prior means stay, and
            prior variances are divided by `discount`.

        Returns
        -------
        Priors
            For as many components, in the posterior's order, of the same features.

        Raises
        ------
        InputError
            If labels were not resolved, the draws are replicates of a bootstrap, or
            `discount` is not above 0 and at most 1.
        """
        from bayesgmm.carry_over import carry_over  # below, as posteriors are

        return carry_over(posterior, discount)

    def __str__(self) -> str:
        lines = (
            [] if self.n_components is None else [f"n_components ~ {self.n_components}"]
        )
        lines.append(f"weights ~ {self.weights}")
        lines += self.means.lines(self.feature_names)
        lines += self.covariances.lines(self.feature_names)
        return "\n".join(_align(lines))

    @property
    def is_exchangeable(self) -> bool:
        """Whether the prior is the same for all orders of the components."""
        parts = (self.weights, self.means, self.covariances)
        return all(part.is_exchangeable for part in parts)

    def check_n_components(self, n_components: int) -> None:
        """Refuse a number of components for which the prior was not made.

        Parameters
        ----------
        n_components : int

        Raises
        ------
        InputError
            If a part is given component by component, for another number of them.
        """
        check_number_of_own(self, n_components)

    def simulate(
        self,
        n_components: int | None = None,
        n_observations: int = 100,
        *,
        n_draws: int = 1000,
        random_seed: int | None = None,
    ) -> PriorSimulation:
        """Say what the prior thinks of groups of rows before it sees data.

        Parameters
        ----------
        n_components : int, optional
            Not needed where it has a prior, or components have priors of their own.
        n_observations : int, default 100
            How many rows are to be grouped; a million are as quick as a hundred.
        n_draws : int, default 1000
        random_seed : int, optional
            The same seed gives the same draws.

        Returns
        -------
        PriorSimulation
            How many components are filled, how large they are, and how probably two
            rows are of one component. Printable, with a `table`.

        Raises
        ------
        InputError
            If the number of components is not known, or not that of the prior.
        """
        return simulate(
            np.random.default_rng(check_seed(random_seed)),
            self.weights,
            self._sizes(n_components),
            check_count("n_observations", n_observations),
            check_count("n_draws", n_draws),
        )

    def _sizes(self, n_components) -> SizesPrior | int:
        """Return the number of components, or its prior where it is not known."""
        if n_components is not None:
            n_components = check_count("n_components", n_components)
            self.check_n_components(n_components)
            return n_components
        if self.n_components is not None:
            return self.n_components
        for _, count in own_components(self):
            return count
        raise InputError(
            "n_components",
            "be given where the prior does not say it",
            "None",
            "For example `n_components=3`.",
        )

    def conjugate_covariances(
        self, family: CovarianceFamily
    ) -> InverseWishart | HierarchicalInverseWishart:
        """Return the prior on covariances, refused unless it is conjugate.

        Parameters
        ----------
        family : CovarianceFamily

        Raises
        ------
        InputError
            If the prior is another, or the family shares covariances in part.
        """
        remedy = 'Use `method="nuts"`, or priors of `default_priors(kind="conjugate")`.'
        if not isinstance(
            self.covariances, InverseWishart | HierarchicalInverseWishart
        ):
            kind = type(self.covariances).__name__
            rule = "have an inverse-Wishart prior on covariances, to be conjugate"
            raise InputError("priors", rule, kind, remedy)
        if not is_conjugate_family(family):
            raise InputError(
                "covariance_type",
                "share covariances wholly or not at all under an inverse-Wishart prior",
                repr(family.name),
                "Use the default priors and NUTS, or one of 'full', 'tied', 'diag', "
                "'spherical', 'EEI', 'EII'.",
            )
        return self.covariances

    def log_density(
        self, values: dict[str, Floats], family: CovarianceFamily
    ) -> Floats:
        """Return the log density of draws under conjugate priors, with all constants.

        With respect to weights (but one), means, and the free entries of covariances
        and of what else has a distribution.

        Parameters
        ----------
        values : dict of arrays
            ``weights`` (..., n_components), ``means``, ``covariances`` and, where the
            parts have them, ``concentration`` (...), ``means_spread`` (...,
            n_features), ``covariances_scale`` (..., n_features, n_features).
        family : CovarianceFamily

        Returns
        -------
        array of shape (...)
        """
        covariances = self.conjugate_covariances(family)
        total = self.weights.log_density(values) + self.means.log_density(values)
        return total + covariances.log_density(values, family)

    def draw(
        self, rng, n_draws: int, n_components: int, family: CovarianceFamily
    ) -> dict[str, Floats]:
        """Draw mixtures from conjugate priors.

        Parameters
        ----------
        rng : numpy.random.Generator
        n_draws, n_components : int
        family : CovarianceFamily

        Returns
        -------
        dict of arrays
            With a leading axis of draws; see `log_density`.
        """
        covariances = self.conjugate_covariances(family)
        values = self.weights.draw(rng, n_draws, n_components)
        values |= covariances.draw(rng, n_draws, n_components, family)
        return values | self.means.draw(rng, values["covariances"])


_PARTS = {
    "weights": WeightsPrior,
    "means": MeansPrior,
    "covariances": CovariancesPrior,
    "n_components": SizesPrior | None,
}


def _check_part(name, part, kinds):
    if not isinstance(part, kinds):
        names = [kind.__name__ for kind in getattr(kinds, "__args__", (kinds,))]
        raise InputError(
            name,
            f"be one of {', '.join(names)}",
            type(part).__name__,
            "They are in `bayesgmm.priors`; `default_priors` makes a set of them.",
        )


def _align(lines):
    """Put the tildes below each other."""
    halves = [[half.strip() for half in line.partition(" ~ ")[::2]] for line in lines]
    width = max(len(left) for left, right in halves if right)
    return [f"{left:<{width}} ~ {right}" if right else left for left, right in halves]
