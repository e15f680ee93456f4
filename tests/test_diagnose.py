"""Verdicts on posteriors of which we know what is wrong with them."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import synthetic
from sampled_groups import (
    ONE,
    SEEDS,
    THREE,
    TWO,
    anywhere,
    clean,
    cuts,
    judged,
    sampled,
)
from scipy.stats import multivariate_normal

from bayesgmm.diagnose import diagnose
from bayesgmm.errors import InputError
from bayesgmm.invariants import convergence, landmarks
from bayesgmm.parameters import MixtureParameters
from bayesgmm.relabel import relabel
from bayesgmm.sentences import describe_optima
from bayesgmm.verdict import Verdict


@pytest.mark.parametrize("seed", SEEDS)
def test_a_clean_run_is_called_so(seed):
    diagnosis = judged(seed)
    assert diagnosis.verdict is Verdict.CHAINS_AGREE
    assert diagnosis.sentence.startswith("The chains agree, and no labels switched")
    assert diagnosis.switch_rate == 0
    assert (diagnosis.chains["solution"] == 0).all()
    assert diagnosis.n_divergences == 0


@pytest.mark.parametrize("seed", SEEDS)
def test_switching_is_resolved_and_does_not_touch_the_invariants(seed):
    diagnosis, known = judged(seed, shuffle=True), judged(seed)
    assert diagnosis.verdict is Verdict.LABELS_RESOLVED
    # Half of the draws are in the other order: 450 coins.
    assert diagnosis.switch_rate == pytest.approx(0.5, abs=4 * 0.5 / 450**0.5)
    pd.testing.assert_frame_equal(diagnosis.invariants, known.invariants)
    means = [f"means[{k}, x0]" for k in (0, 1)]
    expected = known.parameters.loc[means, "mean"].sort_values()
    found = diagnosis.parameters.loc[means, "mean"].sort_values()
    np.testing.assert_allclose(found, expected)


def test_chains_that_differ_in_their_labels_only_are_resolved():
    tree = clean(0)
    swapped = tree.copy(deep=True)
    for variable in ("weights", "means", "covariances"):
        values = swapped["posterior"][variable].values
        values[1] = values[1][:, ::-1].copy()
    diagnosis = diagnose(swapped)
    assert diagnosis.verdict is Verdict.LABELS_RESOLVED
    np.testing.assert_allclose(sorted(diagnosis.chains["switch_rate"]), [0, 0, 1])


@pytest.mark.parametrize(
    ("truth", "n_components", "seed"),  # the slow tests have more
    [(ONE, 2, 0), (THREE, 4, 1)],
)
def test_overlapping_components_are_called_so(truth, n_components, seed):
    starts = [anywhere(n_components), cuts(*np.linspace(-7, 6, n_components + 1)[1:-1])]
    tree = sampled(truth, 120, starts * 2, n_components, 300, seed, shuffle=True)
    diagnosis = diagnose(tree)
    assert diagnosis.verdict is Verdict.COMPONENTS_OVERLAP
    assert diagnosis.separation < 3
    assert "not separately identified" in diagnosis.sentence


def test_overlap_hides_no_lack_of_mixing():
    starts = [anywhere(2), cuts(0.0)]
    short = sampled(ONE, 120, starts, 2, 60, 0)
    diagnosis = diagnose(short)
    assert diagnosis.verdict is Verdict.COMPONENTS_OVERLAP
    assert diagnosis.ess < 100
    assert "have not mixed either: draw more first. Read dens" in diagnosis.sentence


def test_components_that_differ_in_correlation_alone_are_separate():
    """Draws of good chains, made around a crossing pair of ellipses."""
    rng = np.random.default_rng(0)
    cross = {
        "weights": [0.5, 0.5],
        "means": [[0.0, 0.0], [0.0, 0.0]],
        "covariances": [[[1.0, 0.9], [0.9, 1.0]], [[1.0, -0.9], [-0.9, 1.0]]],
    }
    X = synthetic.observations(cross, 300, rng)
    weights, means, covariances = synthetic.perturbed(cross, 4 * 200, rng, 1e-3)
    parts = (weights, means, covariances)
    flat = [part.reshape(4, 200, *part.shape[1:]) for part in parts]
    chains = [[part[c] for part in flat] for c in range(4)]
    assert diagnose(synthetic.tree(X, chains)).verdict is Verdict.CHAINS_AGREE


def test_chains_that_wander_have_not_mixed():
    """Slow drifts, of one spread within and between chains."""
    rng = np.random.default_rng(0)
    X = synthetic.observations(TWO, 100, rng)
    weights, means, covariances = synthetic.perturbed(TWO, 4 * 60, rng, 1e-3)
    drift = np.cumsum(rng.normal(scale=0.03, size=(4, 60)), axis=1)
    means = means + drift.reshape(-1, 1, 1)
    parts = (part.reshape(4, 60, *part.shape[1:]) for part in (weights, means))
    flat = [*parts, covariances.reshape(4, 60, 2, 2, 2)]
    chains = [[part[c] for part in flat] for c in range(4)]
    assert diagnose(synthetic.tree(X, chains)).verdict is Verdict.NOT_MIXED


def test_one_chain_is_compared_with_itself():
    tree = clean(0, n_draws=400).isel(chain=[0])
    assert diagnose(tree).verdict is Verdict.CHAINS_AGREE
    broken = tree.copy(deep=True)
    broken["posterior"]["means"].values[:, 200:] += 3.0
    diagnosis = diagnose(broken)
    assert diagnosis.verdict is Verdict.NOT_MIXED
    assert diagnosis.invariants["r_hat"].max() > 1.5


@pytest.mark.parametrize("n_draws", [20, 40])
def test_few_effective_draws_are_not_enough(n_draws):
    """R-hat is near 1, but ends of intervals are guesses, and no groups overlap."""
    diagnosis = diagnose(clean(0).isel(draw=slice(0, n_draws)))
    assert diagnosis.invariants["r_hat"].max() < 1.1
    assert diagnosis.invariants["ess_bulk"].min() < 100
    assert diagnosis.verdict is Verdict.NOT_MIXED
    assert "draws are effective. Draw more before" in diagnosis.sentence


def test_one_chain_does_not_agree_with_others():
    sentence = diagnose(clean(0, n_draws=400).isel(chain=[0])).sentence
    assert sentence.startswith("The halves of the only chain agree, and no labels")


def test_approximations_are_not_praised_for_agreeing_with_themselves():
    tree = clean(0).copy(deep=True)
    tree["posterior"].attrs["approximate"] = 1
    assert "does not tell how good it is" in diagnose(tree).sentence
    assert "approximation" not in judged(0).sentence


def test_a_rough_approximation_is_called_so():
    tree = clean(0).copy(deep=True)
    tree["posterior"].attrs |= {"approximate": 1, "pareto_k": 0.94}
    diagnosis = diagnose(tree)
    assert diagnosis.verdict is Verdict.ROUGH
    assert diagnosis.sentence == (
        "The draws are rough: Pareto k-hat is 0.94, and above 0.7 not even importance "
        "weights mend them. Take them as a sketch of the posterior, and compare with "
        "NUTS."
    )


def test_a_good_approximation_says_how_good():
    tree = clean(0).copy(deep=True)
    tree["posterior"].attrs |= {"approximate": 1, "pareto_k": 0.31}
    diagnosis = diagnose(tree)
    assert diagnosis.verdict is Verdict.CHAINS_AGREE
    assert "Pareto k-hat of the approximation is 0.31, at most 0.7" in str(diagnosis)


@pytest.mark.parametrize("n_draws", [1, 2, 3])
def test_a_few_draws_cannot_be_judged(n_draws):
    diagnosis = diagnose(clean(0).isel(draw=slice(0, n_draws)))
    assert diagnosis.verdict is Verdict.NOT_MIXED
    assert "too few different draws" in diagnosis.sentence
    assert "NaN" in str(diagnosis)


def test_one_component_agrees():
    diagnosis = diagnose(sampled(ONE, 60, [anywhere(1)] * 2, 1, 200, 0))
    assert diagnosis.verdict is Verdict.CHAINS_AGREE
    assert np.isnan(diagnosis.invariants.loc["sorted weight 0", "r_hat"])
    assert diagnosis.separation == np.inf


def test_invariants_are_what_they_say():
    tree = clean(1)
    X = tree["constant_data"]["X"].values
    posterior = {name: v.values for name, v in tree["posterior"].data_vars.items()}
    invariants = judged(1).invariants
    log_likelihoods = tree["sample_stats"]["lp"].values
    heaviest = posterior["weights"].max(axis=-1)
    for name, values in {
        "log_likelihood": log_likelihoods,
        "lp": log_likelihoods,
        "sorted weight 0": heaviest,
    }.items():
        row = invariants.loc[name]
        np.testing.assert_allclose(
            row[["mean", "sd"]].astype(float), [values.mean(), values.std()]
        )
    row = landmarks(X, 10)[3]
    densities = [
        np.log(
            sum(
                w * multivariate_normal(m, c).pdf(X[row])
                for w, m, c in zip(*draw, strict=True)
            )
        )
        for draw in zip(
            *(
                posterior[name].reshape(-1, *posterior[name].shape[2:])
                for name in ("weights", "means", "covariances")
            ),
            strict=True,
        )
    ]
    found = invariants.loc[f"log density at {row}", "mean"]
    assert found == pytest.approx(np.mean(densities))


def test_landmarks_spread_along_the_data():
    rng = np.random.default_rng(0)
    t = rng.normal(size=200)
    rows = landmarks(np.column_stack([t, 3 * t + 0.01 * rng.normal(size=200)]), 10)
    ranks = np.sort(t.argsort().argsort()[rows])
    np.testing.assert_allclose(ranks, np.linspace(0, 199, 12)[1:-1], atol=2)
    assert len(landmarks(np.ones((3, 2)), 10)) <= 3


def test_r_hat_and_effective_sizes_are_those_of_independent_draws():
    rng = np.random.default_rng(0)
    values = {"a": rng.normal(size=(4, 1000)), "constant": np.ones((4, 1000))}
    table = convergence(values)
    assert table.loc["a", "r_hat"] == pytest.approx(1.0, abs=0.005)
    assert table.loc["a", "ess_bulk"] == pytest.approx(4000, rel=0.15)
    assert table.loc["a", "ess_tail"] == pytest.approx(4000, rel=0.15)
    assert table.loc["constant", ["r_hat", "ess_bulk", "ess_tail"]].isna().all()


def em_of(truth, names, scores=()):
    arrays = {name: np.array(value, dtype=float) for name, value in truth.items()}
    parameters = MixtureParameters(
        **arrays, covariance_type="full", feature_names=names
    )
    optima = pd.DataFrame({"log_likelihood": scores, "spurious": [False] * len(scores)})
    return SimpleNamespace(parameters_=parameters, optima_=optima)


def test_optima_of_the_em_fit_are_told():
    tree = clean(0)
    em = em_of(TWO, ("x0", "x1"), [-300.0, -304.25, -310.0])
    diagnosis = diagnose(tree, em=em)
    assert diagnosis.n_optima == 3
    assert "3 distinct optima, the second 4.25 below" in str(diagnosis)
    np.testing.assert_allclose(diagnosis.optima["gap"], [0, 4.25, 10])
    assert judged(0).n_optima is None
    parameters = em_of(TWO, ("x0", "x1")).parameters_
    assert diagnose(tree, em=parameters).n_optima is None


@pytest.mark.parametrize(
    ("gaps", "spurious", "told"),
    [
        ([], [], "no EM restart converged, so its estimate"),
        ([0.0, 2.5], [False, False], "2 distinct optima, the second 2.50 below the "
            "best in log-likelihood"),
        ([0.0, -2.0], [False, True], "the second 2.00 above the best in "
            "log-likelihood; 1 of them with a component on too few rows"),
        ([0.0], [True], "found one optimum; every one, the best too, with a "
            "component on too few rows"),
    ],
)  # fmt: skip
def test_optima_are_told_whatever_the_restarts_found(gaps, spurious, told):
    optima = pd.DataFrame({"gap": gaps, "spurious": spurious})
    assert told in describe_optima(optima)


def test_a_relabelled_posterior_is_judged_as_it_is():
    tree = clean(0, shuffle=True)
    em = em_of(TWO, ("x0", "x1"))
    relabelled = relabel(tree, "stephens", reference=em)
    assert diagnose(relabelled).sentence == diagnose(tree, em=em).sentence
    assert diagnose(relabelled).parameters.loc["means[0, x0]", "mean"] < 0
    swapped = em_of({name: value[::-1] for name, value in TWO.items()}, ("x0", "x1"))
    assert diagnose(tree, em=swapped).parameters.loc["means[0, x0]", "mean"] > 0


def test_divergences_are_counted_by_chain():
    tree = clean(0).copy(deep=True)
    tree["sample_stats"]["diverging"].values[1, :3] = True
    diagnosis = diagnose(tree)
    assert diagnosis.verdict is Verdict.CHAINS_AGREE
    assert diagnosis.n_divergences == 3
    assert list(diagnosis.chains["n_divergences"]) == [0, 3, 0]
    assert "effective. 3 draws diverged, near which" in diagnosis.sentence
    bare = diagnose(tree.drop_nodes("sample_stats"))
    assert bare.n_divergences == 0
    assert "lp" not in bare.chains


def test_bad_input_is_refused():
    tree = clean(0).isel(draw=slice(0, 5))
    with pytest.raises(InputError, match="`em` must have the 2 components"):
        diagnose(tree, em=em_of(THREE, ("x0",)))
    with pytest.raises(InputError, match="`X` must be given"):
        diagnose(tree.drop_nodes("constant_data"))
    X = tree["constant_data"]["X"].values
    bare = diagnose(tree.drop_nodes("constant_data"), X=X)
    assert bare.sentence == diagnose(tree).sentence
