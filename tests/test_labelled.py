"""Known labels: the likelihood of what is known, and the numbers of components."""

import numpy as np
import oracles
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import minimize
from sklearn import config_context
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from test_incomplete import groups, mixture, with_gaps

from bayesgmm import GaussianMixture
from bayesgmm.covariances import FAMILIES
from bayesgmm.errors import InputError
from bayesgmm.known_labels import check_labels
from bayesgmm.labelled import observe_labelled

X = groups()
TRUTH = (X.sum(axis=1) > 4.5).astype(int)
SOME = np.where(np.arange(len(X)) % 6 == 0, TRUTH, -1)


def allowed_by(labels, n_components=2):
    """Return by definition which components rows may come from."""
    return np.array([[each in (-1, k) for k in range(n_components)] for each in labels])


def log_likelihood(X, at, allowed):
    """Return the sum of log sum_k w_k N(x | k) over the components allowed."""
    total = 0.0
    for x, may in zip(X, allowed, strict=True):
        _, joint = oracles._observed(x, at)
        total += oracles.log_sum_exp(joint[may])
    return total


@pytest.mark.parametrize("rows", [X, with_gaps(X)], ids=["complete", "gaps"])
def test_likelihood_and_moments_row_by_row(rows):
    at, allowed = mixture(), allowed_by(SOME)
    weight = np.linspace(0.5, 2.0, len(rows))
    found, statistics = observe_labelled(rows, weight, allowed).expect(
        at, at.quadratics
    )
    expected = sum(
        w * log_likelihood(x[None], at, a[None])
        for x, a, w in zip(rows, allowed, weight, strict=True)
    )
    assert_allclose(found, expected, rtol=1e-12)
    known = np.flatnonzero(SOME == 1)
    free = np.flatnonzero(SOME == -1)
    shares = np.zeros(len(rows))
    shares[known] = 1.0
    shares[free] = oracles.observed_responsibilities(rows[free], at)[:, 1]
    assert_allclose(statistics.counts[1], weight @ shares, rtol=1e-12)


@pytest.mark.parametrize("family", FAMILIES)
def test_all_rows_labelled_is_the_closed_form(family):
    em = GaussianMixture(2, covariance_type=family, random_state=0)
    em.fit(X, labels=TRUTH)
    parts = [X[k == TRUTH] for k in range(2)]
    assert_allclose(em.weights_, [len(part) / len(X) for part in parts], rtol=1e-12)
    assert_allclose(em.means_, [part.mean(axis=0) for part in parts], rtol=1e-10)
    scatters = np.array([len(p) * np.cov(p.T, bias=True) for p in parts])
    counts = np.array([float(len(p)) for p in parts])
    expected = FAMILIES[family].estimate(scatters, counts)
    # Axes and volumes that are found in turns have converged to their own tolerance.
    assert_allclose(em.parameters_.covariances, expected, rtol=1e-6, atol=1e-8)
    assert_allclose(
        em.log_likelihood_,
        log_likelihood(X, em.parameters_, allowed_by(TRUTH)),
        rtol=1e-12,
    )


def test_agrees_with_direct_optimisation():
    rows, labels = X[:40, :1], SOME[:40]
    em = GaussianMixture(2, random_state=0).fit(rows, labels=labels)

    def cost(flat):
        share = 1 / (1 + np.exp(-flat[0]))
        total = 0.0
        for (x,), label in zip(rows, labels, strict=True):
            scale = np.exp(flat[3:])
            square = ((x - flat[1:3]) / scale) ** 2
            joint = np.log([share, 1 - share]) - np.log(scale) - square / 2
            joint -= 0.5 * np.log(2 * np.pi)
            total -= oracles.log_sum_exp(joint) if label < 0 else joint[label]
        return total

    start = np.r_[0.5, em.means_[:, 0] + 0.1, 0.1, -0.1]
    direct = minimize(cost, start, method="BFGS", options={"gtol": 1e-7})
    assert_allclose(em.log_likelihood_, -direct.fun, atol=1e-8)
    assert_allclose(em.means_[:, 0], direct.x[1:3], atol=1e-4)


def test_components_keep_the_numbers_of_the_labels():
    for labels in (SOME, np.where(SOME < 0, -1, 1 - SOME)):
        em = GaussianMixture(2, random_state=0).fit(X, labels=labels)
        told = labels >= 0
        assert (em.predict(X[told]) == labels[told]).mean() > 0.9


def test_one_component_may_have_no_label():
    three = np.r_[X, groups(60, seed=4, shift=0.0) - 12.0]
    labels = np.full(len(three), -1)
    labels[:5], labels[-5:] = -1, 2
    em = GaussianMixture(3, random_state=0).fit(three, labels=labels)
    assert (em.means_[2] < -10).all()
    labels[-5:] = 0
    em = GaussianMixture(3, random_state=0).fit(three, labels=labels)
    assert (em.means_[0] < -10).all()


def test_nothing_known_is_the_plain_fit():
    plain = GaussianMixture(2, random_state=0).fit(X)
    other = GaussianMixture(2, random_state=0).fit(X, labels=np.full(len(X), -1))
    assert_allclose(other.log_likelihood_, plain.log_likelihood_, rtol=1e-12)


def test_labels_hold_where_the_data_say_otherwise():
    labels = np.full(len(X), -1)
    labels[:10] = 1 - TRUTH[:10]
    labels[10:30] = TRUTH[10:30]
    em = GaussianMixture(2, random_state=0).fit(X, labels=labels)
    expected = log_likelihood(X, em.parameters_, allowed_by(labels))
    assert_allclose(em.log_likelihood_, expected, rtol=1e-12)
    assert (
        em.log_likelihood_ < GaussianMixture(2, random_state=0).fit(X).log_likelihood_
    )


def test_tables_of_what_is_allowed():
    table = np.ones((len(X), 3), dtype=bool)
    table[TRUTH == 1, 0] = False
    em = GaussianMixture(3, random_state=0).fit(X, labels=table)
    expected = log_likelihood(X, em.parameters_, table)
    assert_allclose(em.log_likelihood_, expected, rtol=1e-12)


@pytest.mark.parametrize(
    "unknown", [np.nan, None, pd.NA, -1], ids=["nan", "none", "na", "minus"]
)
def test_ways_to_say_unknown(unknown):
    labels = [1, unknown, 0]
    assert_array_equal(check_labels(labels, 3, 2), allowed_by([1, -1, 0]))
    if unknown is not pd.NA:
        assert_array_equal(
            check_labels(pd.Series(labels), 3, 2), allowed_by([1, -1, 0])
        )


def test_labels_may_be_bytes_and_come_from_confident_labels():
    """An image's labels cannot hold -1; rows left undecided are -2."""
    assert_array_equal(check_labels(np.uint8([1, 0]), 2, 2), allowed_by([1, 0]))
    assert_array_equal(check_labels([1, -2, 0], 3, 2), allowed_by([1, -1, 0]))


def test_weight_two_is_the_row_twice_and_weight_zero_the_row_absent():
    weight = np.arange(len(X)) % 3
    a = GaussianMixture(2, random_state=0).fit(X, sample_weight=weight, labels=SOME)
    b = GaussianMixture(2, random_state=0).fit(
        np.repeat(X, weight, axis=0), labels=np.repeat(SOME, weight)
    )
    assert_allclose(a.log_likelihood_, b.log_likelihood_, rtol=1e-11)
    assert_allclose(a.means_, b.means_, atol=1e-5)


REFUSED = {
    "length": (SOME[:3], "`labels` must have one entry a row of `X`, shape (120,); "
        "got shape (3,). Give one label for every observation, -1 where it is not "
        "known."),
    "too high": (TRUTH * 2, "`labels` must be whole numbers 0 to 1, or -1 where "
        "unknown; got 2 at row 1. Number the known groups from 0, or raise "
        "`n_components`."),
    "a half": (TRUTH / 2, "`labels` must be whole numbers 0 to 1, or -1 where "
        "unknown; got 0.5 at row 1. Number the known groups from 0, or raise "
        "`n_components`."),
    "text": (np.where(TRUTH, "a", "b"), "`labels` must be whole numbers 0 to 1, or -1 "
        "where unknown; got 'b'. Number the known groups from 0."),
    "another table": (np.ones((120, 3), dtype=bool), "`labels` must have shape "
        "(120, 2) if it is a table of booleans; got shape (120, 3). Say for every "
        "row which "
        "components it may come from."),
    "nothing allowed": (np.zeros((120, 2), dtype=bool), "`labels` must allow every row "
        "at least one component; got none at row 0. Allow all components where "
        "nothing is "
        "known."),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_labels_are_refused(name):
    labels, message = REFUSED[name]
    with pytest.raises(InputError) as caught:
        GaussianMixture(2).fit(X, labels=labels)
    assert str(caught.value) == message


def test_labels_are_routed_through_a_pipeline():
    with config_context(enable_metadata_routing=True):
        em = GaussianMixture(2, random_state=0).set_fit_request(labels=True)
        told = make_pipeline(StandardScaler(), em).fit(X, labels=SOME)
    scaled = StandardScaler().fit_transform(X)
    direct = GaussianMixture(2, random_state=0).fit(scaled, labels=SOME)
    assert_array_equal(told[-1].means_, direct.means_)
