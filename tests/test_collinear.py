"""Columns that the others determine: a status and a warning, never a NaN."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from bayesgmm import GaussianMixture, InputError, datasets, select
from bayesgmm import fit as fit_all
from bayesgmm.covariances import FAMILIES
from bayesgmm.em import Status
from bayesgmm.errors import CollapseWarning

ALONE = [name for name, family in FAMILIES.items() if family.mclust_name[2] == "I"]
TOGETHER = [name for name in FAMILIES if name not in ALONE]


@pytest.fixture(scope="module")
def collinear():
    """Iris, with the sum of its lengths in millimetres."""
    X = datasets.load("iris").to_numpy()
    return np.c_[X, 10 * (X[:, 0] + X[:, 2])]


@pytest.mark.parametrize("covariance_type", TOGETHER)
@pytest.mark.parametrize("n_components", [1, 3])
def test_a_fit_says_so_and_can_be_used(n_components, covariance_type, collinear):
    em = GaussianMixture(
        n_components, covariance_type=covariance_type, n_init=3, random_state=0
    )
    with pytest.warns(CollapseWarning, match="The 5 columns span 4 dimensions"):
        em.fit(collinear)
    assert em.status_ is Status.SINGULAR
    assert not em.converged_
    for matrix in em.parameters_.covariances:
        assert (np.linalg.eigvalsh(matrix) > 0).all()
    assert np.isfinite(em.score_samples(collinear)).all()
    with np.errstate(all="raise"):
        assert em.summary().count("collinear") == 1
    assert em.optima_["hits"].sum() + em.restarts_.n_collapsed == len(em.restarts_.runs)


@pytest.mark.parametrize("covariance_type", ALONE)
def test_families_that_see_no_correlations_do_not_mind(covariance_type, collinear):
    em = GaussianMixture(3, covariance_type=covariance_type, n_init=2, random_state=0)
    assert em.fit(collinear).status_ is Status.CONVERGED


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_groups_are_those_of_the_columns_that_count(covariance_type, collinear):
    settings = {"covariance_type": covariance_type, "random_state": 0}
    sound = GaussianMixture(3, **settings).fit(collinear[:, :4])
    with pytest.warns(CollapseWarning):
        em = GaussianMixture(3, **settings).fit(collinear)
    assert_array_equal(em.predict(collinear), sound.predict(collinear[:, :4]))
    assert_allclose(em.means_[:, :4], sound.means_, rtol=1e-4)
    assert_allclose(em.weights_, sound.weights_, rtol=1e-4)


def test_units_do_not_matter(collinear):
    unit = np.array([1e-6, 1.0, 1e6, 1.0, 1e3])
    with pytest.warns(CollapseWarning):
        here = GaussianMixture(3, random_state=0).fit(collinear)
    with pytest.warns(CollapseWarning):
        there = GaussianMixture(3, random_state=0).fit(collinear * unit)
    assert_array_equal(here.predict(collinear), there.predict(collinear * unit))


def test_one_component_is_the_sample_covariance_and_a_millionth(collinear):
    with pytest.warns(CollapseWarning):
        em = GaussianMixture().fit(collinear)
    covariance = np.cov(collinear.T, bias=True)
    scale = np.sqrt(np.diag(covariance))
    gap = (em.covariances_[0] - covariance) / np.outer(scale, scale)
    values = np.linalg.eigvalsh(gap)
    assert_allclose(values, [0, 0, 0, 0, 1e-6], atol=1e-12)


def test_fewer_rows_than_columns_are_collinear_too():
    X = np.random.default_rng(0).normal(size=(15, 30))
    with pytest.warns(CollapseWarning, match="The 30 columns span 14 dimensions"):
        em = GaussianMixture().fit(X)
    assert em.status_ is Status.SINGULAR
    for cure in ({"prior": "default"}, {"reg_covar": 1e-3}):
        assert GaussianMixture(**cure).fit(X).status_ is Status.CONVERGED


def test_new_rows_off_the_plane_are_unusual(collinear):
    with pytest.warns(CollapseWarning):
        em = GaussianMixture(3, random_state=0).fit(collinear)
    off = collinear[:5] + np.array([0, 0, 0, 0, 1.0])
    assert (em.score_samples(off) < em.score_samples(collinear).min()).all()


def test_what_compares_likelihoods_refuses(collinear):
    with pytest.raises(InputError, match="have columns that are not collinear for"):
        select(collinear, n_components=[1, 2], covariance_type="VVV")
    with pytest.raises(InputError, match="have columns that are not collinear for"):
        fit_all(collinear, 2, draws=10, chains=1, progress=False)
