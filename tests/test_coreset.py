"""Few rows that stand for many: what they say of mixtures is what all rows say."""

import dask.array as da
import numpy as np
from scipy.stats import multivariate_normal

from bayesgmm.chunks import open_chunks
from bayesgmm.criteria import log_likelihoods
from bayesgmm.parameters import MixtureParameters

N = 3000


def draw(n=N, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.choice(2, size=n, p=[0.6, 0.4])
    centres = np.array([[0.0, 0.0], [3.0, 1.0]])[z]
    return centres + rng.normal(size=(n, 2)) * (1 + 0.5 * z[:, None])


def mixtures(n=3, seed=1):
    rng = np.random.default_rng(seed)
    return [
        MixtureParameters(
            weights=rng.dirichlet([5, 5]),
            means=np.array([[0.0, 0.0], [3.0, 1.0]]) + 0.3 * rng.normal(size=(2, 2)),
            covariances=np.array([np.eye(2), 2 * np.eye(2) + 0.3]),
            covariance_type="full",
            feature_names=("a", "b"),
        )
        for _ in range(n)
    ]


X = draw()
WEIGHT = np.random.default_rng(2).gamma(2.0, size=N)


class Reads:
    """How often each chunk was read."""

    def __init__(self):
        self.seen = []

    def __call__(self, block, block_info=None):
        if block_info:
            self.seen.append(block_info[0]["chunk-location"][0])
        return block


def test_many_mixtures_in_one_pass():
    reads, many = Reads(), mixtures()
    lazy = da.from_array(X, chunks=(700, 2)).map_blocks(reads, dtype=float)
    chunks = open_chunks(lazy, sample_weight=WEIGHT)
    found = log_likelihoods(many, chunks)
    assert sorted(reads.seen) == [0, 1, 2, 3, 4]
    truth = []
    for each in many:
        densities = [
            weight * multivariate_normal(mean, covariance).pdf(X)
            for weight, mean, covariance in zip(
                each.weights, each.means, each.covariances, strict=True
            )
        ]
        truth.append(WEIGHT @ np.log(np.sum(densities, axis=0)))
    np.testing.assert_allclose(found, truth, rtol=1e-12)
    np.testing.assert_allclose(log_likelihoods(many, X, WEIGHT), truth, rtol=1e-12)
