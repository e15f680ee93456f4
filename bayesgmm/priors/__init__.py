"""Prior beliefs about a mixture: parts that are put together in `Priors`."""

from bayesgmm.priors.belief import Priors
from bayesgmm.priors.covariances import (
    HierarchicalInverseWishart,
    InverseWishart,
    LogNormalLKJ,
)
from bayesgmm.priors.hyper import FDistribution, Gamma
from bayesgmm.priors.means import NormalGammaMeans, NormalMeans, ScaledNormalMeans
from bayesgmm.priors.presets import default_priors
from bayesgmm.priors.simulation import PriorSimulation
from bayesgmm.priors.sizes import (
    BetaNegativeBinomialSizes,
    PoissonSizes,
    SizeProbabilities,
    UniformSizes,
)
from bayesgmm.priors.weights import Dirichlet, StickBreaking

__all__ = [
    "BetaNegativeBinomialSizes",
    "Dirichlet",
    "FDistribution",
    "Gamma",
    "HierarchicalInverseWishart",
    "InverseWishart",
    "LogNormalLKJ",
    "NormalGammaMeans",
    "NormalMeans",
    "PoissonSizes",
    "PriorSimulation",
    "Priors",
    "ScaledNormalMeans",
    "SizeProbabilities",
    "StickBreaking",
    "UniformSizes",
    "default_priors",
]
