"""The likelihood-ratio test: mclust's decisions, and ratios that are never negative."""

import numpy as np
import pytest

import bayesgmm as bg
from bayesgmm import lrt
from bayesgmm.errors import InputError


def test_faithful_has_two_components_as_in_mclust():
    """Fraley and Raftery's test: 319.065 with p .01, then 6.131 with p .53."""
    X = bg.datasets.load("faithful")
    settings = {"covariance_type": "VVV", "n_replicates": 19, "progress": False}
    first = bg.likelihood_ratio_test(X, 1, random_state=0, **settings)
    assert first.statistic == pytest.approx(319.065, abs=1e-2)
    assert first.p_value == pytest.approx(1 / 20)
    assert (first.replicates >= 0).all()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "family", "mclusts"),
    [("faithful", "VVV", 319.065), ("acidity", "V", 77.093)],
)
def test_one_component_is_rejected_as_by_mclust(name, family, mclusts):
    """With 99 replicates; mclust's p-values are .01 and .001."""
    settings = {"covariance_type": family, "random_state": 0, "progress": False}
    test = bg.likelihood_ratio_test(bg.datasets.load(name), 1, **settings)
    assert test.statistic >= mclusts - 1e-2
    assert test.p_value == 0.01
    assert (test.replicates >= 0).all()


def test_sequence_ends_with_the_first_null_that_is_not_rejected():
    rng = np.random.default_rng(3)
    X = np.r_[rng.normal(0, 1, 60), rng.normal(12, 1, 60)][:, None]
    settings = {"n_replicates": 19, "random_state": 0, "progress": False}
    tests = bg.sequential_likelihood_ratio_tests(X, "E", **settings)
    assert [test.null for test in tests] == [1, 2]
    assert tests[0].p_value == 0.05
    assert tests[1].p_value > 0.05


def test_p_value_is_the_share_at_least_as_large():
    X = np.random.default_rng(0).normal(size=(60, 1))
    test = bg.likelihood_ratio_test(
        X, 1, covariance_type="E", n_replicates=9, random_state=1, progress=False
    )
    larger = sum(replicate >= test.statistic for replicate in test.replicates)
    assert test.p_value == (1 + larger) / 10
    assert len(test.replicates) == 9
    assert "1 against 2 components" in str(test)


def test_same_seed_same_bits():
    X = np.random.default_rng(0).normal(size=(40, 1))

    def run():
        settings = {"n_replicates": 3, "random_state": 2, "progress": False}
        return bg.likelihood_ratio_test(X, 1, **settings).replicates

    assert (run() == run()).all()


@pytest.mark.parametrize(
    ("settings", "argument"),
    [
        ({"n_components": 0}, "n_components"),
        ({"alternative": 1}, "alternative"),
        ({"covariance_type": "all"}, "covariance_type"),
        ({"n_replicates": 0}, "n_replicates"),
    ],
)
def test_refuses_at_the_door(settings, argument):
    X = np.random.default_rng(0).normal(size=(40, 2))
    with pytest.raises(InputError) as caught:
        bg.likelihood_ratio_test(X, **settings)
    assert caught.value.argument == argument


def test_replicates_that_collapsed_are_no_evidence(monkeypatch):
    """Of four replicates two cannot be fitted, and one of the others is higher."""
    ratios = iter([5.0, np.nan, 6.0, np.nan, 1.0])
    monkeypatch.setattr(lrt, "_ratio", lambda *_: (next(ratios), object()))
    monkeypatch.setattr(lrt, "_draw", lambda grid, *_: grid)
    X = bg.datasets.load("galaxies")
    test = bg.likelihood_ratio_test(X, n_replicates=4, random_state=0, progress=False)
    assert test.p_value == 2 / 3
    assert "Of 2 data sets" in str(test)
    assert "nan" not in str(test)
