"""What weights mean is carried into fits and criteria."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from test_incomplete import groups, with_gaps

from bayesgmm import GaussianMixture
from bayesgmm.errors import InputError

X = groups()
WEIGHT = np.random.default_rng(0).gamma(2.0, size=len(X))
KINDS_OF_ROWS = {
    "complete": (X, {}, {}),
    "gaps": (with_gaps(X), {"missing": "fiml"}, {}),
    "labels": (X, {}, {"labels": np.where(np.arange(len(X)) % 5, -1, X[:, 0] > 1.5)}),
    "noise": (X, {"noise": True}, {}),
}


def fit(name, weight, **settings):
    rows, more, known = KINDS_OF_ROWS[name]
    em = GaussianMixture(
        2, weight_kind="reliability", random_state=0, **more, **settings
    )
    return em.fit(rows, sample_weight=weight, **known), rows


@pytest.mark.parametrize("name", KINDS_OF_ROWS)
def test_reliability_has_no_scale(name):
    (a, rows), (b, _) = fit(name, WEIGHT), fit(name, 7 * WEIGHT)
    assert_allclose(b.log_likelihood_, a.log_likelihood_, rtol=1e-12)
    assert_allclose(b.means_, a.means_, rtol=1e-9)
    for criterion in ("bic", "aic", "icl"):
        found = getattr(b, criterion)(rows, 7 * WEIGHT)
        assert_allclose(found, getattr(a, criterion)(rows, WEIGHT), rtol=1e-9)


def test_n_is_kishs():
    em, _ = fit("complete", WEIGHT)
    n = WEIGHT.sum() ** 2 / (WEIGHT**2).sum()
    mean = np.average(em.score_samples(X), weights=WEIGHT)
    assert_allclose(em.log_likelihood_, n * mean, rtol=1e-11)
    bic = -2 * n * mean + em.parameters_.n_parameters * np.log(n)
    assert_allclose(em.bic(X, WEIGHT), bic, rtol=1e-11)


def test_equal_weights_of_reliability_are_none():
    em, _ = fit("complete", np.full(len(X), 5.0))
    plain = GaussianMixture(2, random_state=0).fit(X)
    assert_allclose(em.log_likelihood_, plain.log_likelihood_, rtol=1e-12)
    assert_allclose(em.bic(X, np.full(len(X), 5.0)), plain.bic(X), rtol=1e-12)


def test_frequency_counts_rows():
    em = GaussianMixture(1).fit(X, sample_weight=np.full(len(X), 2.0))
    assert_allclose(em.log_likelihood_, 2 * GaussianMixture(1).fit(X).log_likelihood_)


def test_kinds_are_checked():
    with pytest.raises(InputError, match="`weight_kind` must be a known name"):
        GaussianMixture(1, weight_kind="survey").fit(X)
