"""Components have names, and an order that can be another fit's."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from synthetic import tree

import bayesgmm as bg
from bayesgmm import GaussianMixture, InputError, datasets
from bayesgmm.em import Collapse


@pytest.fixture(scope="module")
def faithful():
    return datasets.load("faithful")


@pytest.fixture(scope="module")
def fitted(faithful):
    return GaussianMixture(2, random_state=0).fit(faithful)


# -- names -----------------------------------------


def test_a_fit_has_numbers_until_it_is_renamed(fitted):
    assert fitted.parameters_.components == (0, 1)
    half = fitted.rename({1: "short"})
    assert half.parameters_.components == ("0", "short")
    assert half.rename({"0": "long"}).parameters_.components == ("long", "short")
    assert fitted.parameters_.component_names is None


def test_names_go_with_their_components(fitted):
    named = fitted.rename({0: "long", 1: "short"}).parameters_
    turned = named.permute([1, 0])
    assert turned.components == ("short", "long")
    assert_array_equal(turned.means, named.means[::-1])
    assert fitted.parameters_.permute([1, 0]).components == (0, 1)


def test_names_are_shown(fitted, faithful):
    named = fitted.rename({0: "long", 1: "short"})
    summary = named.summary()
    assert "\nlong " in summary
    assert "\nshort" in summary
    assert_array_equal(named.predict(faithful), fitted.predict(faithful))


def test_a_new_fit_has_no_names_and_a_continued_one_keeps_them(fitted, faithful):
    named = fitted.rename({0: "long"})
    warm = clone(named).set_params(warm_start=True)
    warm.parameters_, warm.lower_bound_ = named.parameters_, named.lower_bound_
    assert warm.fit(faithful).parameters_.components == ("long", "1")
    assert clone(named).fit(faithful).parameters_.components == (0, 1)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({2: "x"}, "`names` must be names, or places from 0 to 1; got 2"),
        ({"x": "y"}, "`names` must be a known name; got 'x'"),
        ({0: "x", 1: "x"}, "give every component a text of its own; got 'x' twice"),
        ({0: "1"}, "give every component a text of its own; got '1' twice"),
        ({0: 5}, "give every component a text of its own; got 5"),
        ({0: ""}, "give every component a text of its own; got ''"),
        ({}, "`names` must name one or more"),
    ],
)
def test_other_names_are_refused(fitted, names, message):
    with pytest.raises(InputError) as error:
        fitted.rename(names)
    assert message in str(error.value)


# -- order -----------------------------------------


@pytest.fixture(scope="module")
def iris():
    return datasets.load("iris")


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 2, 0], [2, 1, 0]])
def test_another_fit_is_brought_into_the_same_order(iris, order):
    """A fit of two thirds of the rows, shuffled, with names given before."""
    whole = GaussianMixture(3, covariance_type="tied", random_state=0).fit(iris)
    some = iris.iloc[np.arange(150) % 3 > 0]
    part = GaussianMixture(3, covariance_type="tied", random_state=1).fit(some)
    means = part.align_to(whole).means_
    shuffled = part._arranged(np.array(order), ("a", "b", "c"))
    aligned = shuffled.align_to(whole.rename({0: "big"}))
    assert_array_equal(aligned.means_, means)
    assert aligned.parameters_.components == ("big", "1", "2")
    gaps = np.linalg.norm(aligned.means_[:, None] - whole.means_, axis=-1)
    assert_array_equal(gaps.argmin(1), [0, 1, 2])
    assert_array_equal(aligned.weights_, aligned.parameters_.weights)
    assert_array_equal(aligned.restarts_.best.parameters.means, aligned.means_)
    labels = part.align_to(whole).predict(iris)
    assert_array_equal(aligned.predict(iris), labels)
    assert (labels == whole.predict(iris)).mean() > 0.9


def test_units_do_not_change_the_pairs(iris):
    """Scaled by 1e6 and 1e-6 and turned round, every component finds itself."""
    scale = np.array([1e6, 1e-6, 1.0, 1e3])
    em = GaussianMixture(3, random_state=0).fit(iris.to_numpy() * scale)
    turned = em._arranged(np.array([2, 0, 1]), None)
    assert_array_equal(turned.align_to(em).means_, em.means_)


def test_a_collapsed_component_keeps_its_place(iris):
    em = GaussianMixture(3, random_state=0).fit(iris)
    run = em.restarts_.best
    run = replace(run, collapse=Collapse(2, 0.1, np.array([1])))
    em.restarts_ = replace(em.restarts_, best=run)
    turned = em._arranged(np.array([1, 2, 0]), None)
    assert turned.restarts_.best.collapse.component == 1


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (GaussianMixture(3, n_init=1, random_state=0), "2 components of 2 features"),
        (None, "`other` must be a fitted GaussianMixture"),
    ],
)
def test_fits_of_another_kind_are_refused(fitted, faithful, other, message):
    if other is not None:
        other.fit(faithful)
    with pytest.raises(InputError) as error:
        fitted.align_to(other)
    assert message in str(error.value)


def test_other_features_are_refused(fitted, faithful):
    other = GaussianMixture(2, n_init=1, random_state=0).fit(faithful.iloc[:, ::-1])
    with pytest.raises(InputError, match=r"of this fit; got .*\(waiting, eruptions\)"):
        fitted.align_to(other)
    nameless = GaussianMixture(2, random_state=0).fit(faithful.to_numpy())
    assert_array_equal(fitted.align_to(nameless).means_, fitted.means_)


def test_the_order_of_components_is_settled(faithful):
    """Largest first, except where the user settled the order himself."""
    for seed in range(3):
        em = GaussianMixture(3, n_init=2, random_state=seed).fit(faithful)
        assert (np.diff(em.weights_) <= 0).all()
    upward = em.means_[np.argsort(em.means_[:, 1])]
    given = GaussianMixture(3, means_init=upward).fit(faithful)
    assert (np.diff(given.means_[:, 1]) > 0).all()
    again = given.set_params(warm_start=True, means_init=None).fit(faithful)
    assert (np.diff(again.means_[:, 1]) > 0).all()


@pytest.mark.parametrize("call", ["rename", "align_to", "marginal", "conditional"])
def test_only_fits_have_components(call):
    with pytest.raises(NotFittedError):
        getattr(GaussianMixture(2), call)({0: "x"})


# -- in posteriors, tables and plots -----------------------------------------


@pytest.fixture(scope="module")
def posterior(fitted, faithful):
    """Forty draws close to the fit, the two labels exchanged in every other one."""
    rng = np.random.default_rng(0)
    p = fitted.parameters_
    w = p.weights * np.exp(0.03 * rng.normal(size=(40, 2)))
    draws = [
        w / w.sum(1, keepdims=True),
        p.means + 0.1 * rng.normal(size=(40, 2, 2)),
        p.covariances * np.exp(0.03 * rng.normal(size=(40, 2, 1, 1))),
    ]
    for part in draws:
        part[::2] = part[::2, ::-1].copy()
    return tree(faithful.to_numpy(), [draws], names=list(faithful.columns))


@pytest.fixture(scope="module")
def named(fitted):
    return fitted.rename({0: "long", 1: "short"})


def test_a_relabelled_posterior_carries_the_names(posterior, named, fitted):
    relabelled = bg.relabel(posterior, reference=named)
    assert list(relabelled["posterior"]["component"].values) == ["long", "short"]
    assert list(relabelled["relabelling"]["component"].values) == ["long", "short"]
    long = relabelled["posterior"]["means"].sel(component="long", feature="waiting")
    assert abs(float(long.mean()) - 80) < 1
    assert list(posterior["posterior"]["component"].values) == [0, 1]
    plain = bg.relabel(posterior, reference=fitted)
    assert list(plain["posterior"]["component"].values) == [0, 1]


def test_memberships_and_comparisons_carry_the_names(posterior, named, faithful):
    relabelled = bg.relabel(posterior, reference=named)
    members = bg.membership(relabelled, faithful)
    assert list(members["component"].values) == ["long", "short"]
    turned = named._arranged(np.array([1, 0]), ("short", "long"))
    for em in (named, turned):
        table = bg.compare(em, relabelled).table
        assert set(table.index.unique("component")) == {"long", "short"}
        row = table.loc[("means", "short", "waiting", "")]
        assert row["em"] == pytest.approx(54.48, abs=0.01)
        assert row["mean"] == pytest.approx(54.48, abs=0.1)


def test_plots_and_tables_say_the_names(posterior, named, faithful):
    relabelled = bg.relabel(posterior, reference=named)
    members = bg.membership(relabelled, faithful)
    figures = [
        bg.plot_density(faithful, relabelled, em=named),
        bg.plot_density(faithful, em=named),
        bg.plot_ellipses(faithful, relabelled, em=named),
        bg.plot_ellipses(faithful, em=named),
        bg.plot_membership(members),
    ]
    for figure in figures:
        texts = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
        assert {"long", "short"} <= set(texts)
    figure = bg.compare(named, relabelled).plot()
    labels = [text.get_text() for text in figure.axes[0].get_yticklabels()]
    assert "short: mean of waiting" in labels
    colours = {tuple(c) for c in figure.axes[0].collections[1].get_facecolors()}
    assert len(colours) == 2
