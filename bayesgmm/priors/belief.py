"""`Priors`: what is believed about a mixture before its data."""

from dataclasses import dataclass

from bayesgmm._typing import Floats
from bayesgmm.covariances import CovarianceFamily
from bayesgmm.errors import InputError
from bayesgmm.priors.covariances import (
    CovariancesPrior,
    HierarchicalInverseWishart,
    InverseWishart,
    is_conjugate_family,
)
from bayesgmm.priors.means import MeansPrior
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
                "share covariances wholly or not at all, to be conjugate",
                repr(family.name),
                remedy,
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
