"""`partition`: the exact minimiser on small cases, credible balls, what users do."""

import _thread
import doctest
import importlib
import threading

import numpy as np
import oracle_partitions as oracle
import pandas as pd
import pytest
import synthetic
import xarray as xr
from oracle_partitions import by_appearance, random_draws

import bayesgmm as bg
from bayesgmm.errors import ConvergenceWarning, InputError
from bayesgmm.partitions import runs, search
from bayesgmm.partitions.given import read_labels
from bayesgmm.partitions.losses import as_loss

N_CASES = range(4)
NATS = np.log(2)
LOSSES = {
    "vi": ("min_expected_VI", lambda value: value / NATS),
    "binder": ("min_expected_Binder", lambda value: value),
    "omari": ("max_expected_ARI", lambda value: 1 - value),
}


# Exact answers ----------------------------------------------------------------------


@pytest.mark.parametrize("case", N_CASES)
@pytest.mark.parametrize("loss", LOSSES)
def test_the_reference_minimiser_is_found(golden, case, loss):
    case = golden("partitions.json")["cases"][case]
    key, scale = LOSSES[loss]
    found = bg.partition(case["draws"], loss=loss)
    truth = case[key]
    assert found.expected_loss == pytest.approx(scale(truth["value"]), abs=1e-12)
    assert by_appearance(found.labels) in truth["partitions"]


@pytest.mark.parametrize("loss", oracle.LOSSES)
@pytest.mark.parametrize("seed", range(6))
def test_the_minimiser_over_all_partitions_is_found(loss, seed):
    draws = random_draws(seed)
    expected = oracle.expected_losses(oracle.all_partitions(draws.shape[1]), draws)
    found = bg.partition(draws, loss=loss)
    assert found.expected_loss == pytest.approx(min(expected[loss]), abs=1e-10)


def test_unequal_costs_move_the_minimiser(golden):
    draws = np.array(golden("partitions.json")["cases"][1]["draws"])
    sizes = []
    for cost in (0.4, 1.0, 1.6):
        every = oracle.all_partitions(draws.shape[1])
        expected = oracle.expected_losses(every, draws, cost)["binder"]
        found = bg.partition(draws, loss=bg.binder(cost))
        assert found.expected_loss == pytest.approx(min(expected), abs=1e-10)
        sizes.append(found.n_clusters)
    assert sizes[0] > sizes[1] > sizes[2]


@pytest.mark.parametrize("most", [1, 2, 3])
@pytest.mark.parametrize("loss", oracle.LOSSES)
def test_the_minimiser_of_no_more_clusters_than_allowed_is_found(golden, loss, most):
    truth = np.array(golden("partitions.json")["cases"][3]["draws"])
    alone = np.vstack([random_draws(5), np.arange(6)])
    for draws in (truth, alone):
        every = oracle.all_partitions(draws.shape[1])
        few = every[every.max(axis=1) < most]
        expected = oracle.expected_losses(few, draws)[loss]
        found = bg.partition(draws, loss=loss, max_clusters=most)
        assert found.n_clusters <= most
        assert found.expected_loss == pytest.approx(min(expected), abs=1e-10)


@pytest.mark.parametrize("loss", ["vi", "binder", "nvi", "nid"])
def test_rows_that_share_no_label_fill_the_clusters_allowed_evenly(loss):
    """These losses are least where sizes are equal, if draws are singletons."""
    found = bg.partition([np.arange(30)], loss=loss, max_clusters=3)
    assert np.bincount(found.labels).tolist() == [10, 10, 10]
    if loss == "binder":
        assert found.expected_loss == 135  # pairs: three times 10 * 9 / 2


# Credible balls ---------------------------------------------------------------------


@pytest.mark.parametrize("case", N_CASES)
@pytest.mark.parametrize(("loss", "unit"), [("VI", NATS), ("Binder", 1.0)])
def test_credible_balls_are_those_of_the_reference(golden, case, loss, unit):
    case = golden("partitions.json")["cases"][case]
    truth = case[f"credible_ball_{loss}"]
    ball = bg.partition(case["draws"], loss=loss.lower(), probability=0.95).ball
    assert ball.radius == pytest.approx(truth["radius"] / unit, abs=1e-12)
    assert ball.mass == pytest.approx(truth["mass_inside"], abs=1e-12)
    for mine, theirs in [
        (ball.horizontal, "horizontal"),
        (ball.upper_vertical, "upper_vertical_fewest_clusters"),
        (ball.lower_vertical, "lower_vertical_most_clusters"),
    ]:
        assert mine.dims == ("bound", "obs_id")
        assert sorted(mine.values.tolist()) == sorted(truth[theirs])


# Situations -------------------------------------------------------------------------


@pytest.mark.parametrize("loss", oracle.LOSSES)
@pytest.mark.parametrize(
    "draws", [[[0]], [[0], [3]], [[2, 2, 0, 1]], [[1, 1, 1], [0, 0, 0]]], ids=str
)
def test_the_obvious_answer_where_draws_agree(loss, draws):
    found = bg.partition(draws, loss=loss)
    sizes = np.unique(draws[0], return_counts=True)[1]
    assert found.expected_loss == found.ball.radius == 0.0
    assert np.bincount(found.labels).tolist() == sorted(sizes, reverse=True)
    assert found.ball.mass == 1.0
    assert "of 16 runs" in str(found)


def test_every_row_by_itself():
    draws = np.tile(np.arange(60), (20, 1))
    found = bg.partition(draws, n_runs=4)
    assert found.n_clusters == 60
    assert found.expected_loss == 0.0


def test_the_result_knows_its_loss_and_costs():
    found = bg.partition([[0, 0, 1], [0, 1, 1]], loss=bg.binder(1.5))
    assert (found.loss.name, found.loss.cost_apart) == ("binder", 1.5)
    assert found.loss.unit == ""  # costs, not pairs
    assert "Expected loss (binder(1.5)): 1 over 2 draws." in str(found)
    assert str(bg.binder(1.0)) == "binder"
    assert bg.binder(1.0).unit == "pairs"


def test_noise_is_one_cluster():
    draws = np.tile([-1, 0, 0, 1, 1, -1, 1], (30, 1))
    assert bg.partition(draws).labels.values.tolist() == [1, 2, 2, 0, 0, 1, 0]


def test_of_equal_ones_the_fewest_clusters():
    for seed in range(3):
        found = bg.partition([[0, 0], [0, 1]], random_seed=seed)
        assert found.n_clusters == 1
        assert found.n_agreeing == 16  # as good as the other


def test_runs_that_are_as_good_are_told_apart_by_their_clusters():
    runs = [np.array([0, 1]), np.array([0, 0]), np.array([0, 1])]
    for order in ([0, 1, 2], [1, 0, 2]):
        draws = read_labels([[0, 0], [0, 1]])
        best = search._best([runs[k] for k in order], as_loss("vi"), draws)
        assert best.labels.tolist() == [0, 0]
        assert best.n_agreeing == 3


@pytest.fixture(scope="module")
def many():
    """Labels of three groups, the last rows in doubt, by chain and draw."""
    rng = np.random.default_rng(3)
    base = np.repeat([0, 1, 2], [30, 20, 10])
    labels = np.broadcast_to(base, (2, 100, 60)).copy()
    doubt = rng.random((2, 100, 12)) < 0.1
    labels[..., -12:][doubt] = 0
    order = rng.permuted(np.tile(np.arange(3), (200, 1)), axis=1)  # labels switch
    labels = np.take_along_axis(order, labels.reshape(200, 60), 1).reshape(2, 100, 60)
    dims = ("chain", "draw", "obs_id")
    return xr.DataArray(labels, {"obs_id": np.arange(100, 160)}, dims, "label")


@pytest.mark.parametrize("loss", oracle.LOSSES)
def test_the_number_of_threads_changes_nothing(loss, monkeypatch):
    # Labels without structure: runs end in many places.
    draws = np.random.default_rng(0).integers(3, size=(12, 30))
    found = []
    for cores in (1, 2, 5):
        monkeypatch.setattr(runs, "available_cores", lambda cores=cores: cores)
        found.append(bg.partition(draws, loss=loss, random_seed=4, n_runs=3))
    for other in found[1:]:
        xr.testing.assert_identical(other.labels, found[0].labels)
        assert other.expected_loss == found[0].expected_loss
        assert other.n_agreeing == found[0].n_agreeing


def test_labels_of_any_layout_are_the_same(many):
    found = bg.partition(many)
    assert found.labels["obs_id"].values.tolist() == list(range(100, 160))
    assert np.bincount(found.labels).tolist() == [30, 20, 10]
    flat = bg.partition(many.values.reshape(200, 60))
    turned = bg.partition(many.transpose("obs_id", "chain", "draw"))
    assert (flat.labels.values == found.labels.values).all()
    xr.testing.assert_identical(turned.labels, found.labels)
    assert bg.partition(many, n_draws=10).n_draws == 20


def test_a_posterior_is_divided_by_labels_drawn_from_it():
    rng = np.random.default_rng(0)
    X = synthetic.observations(synthetic.TWO_GROUPS, 50, rng)
    chains = [synthetic.perturbed(synthetic.TWO_GROUPS, 60, rng) for _ in range(2)]
    orders = synthetic.random_permutations(60, 2, rng)
    chains[1] = synthetic.switched(chains[1], orders)
    posterior = synthetic.tree(X, chains)
    found = bg.partition(posterior, random_seed=2)
    labels = bg.draw_labels(posterior, random_seed=2)
    xr.testing.assert_identical(found.labels, bg.partition(labels).labels)
    assert found.n_clusters == 2
    assert (found.labels.values == found.labels.values[X[:, 0].argmax()])[
        X[:, 0] > 1
    ].all()
    assert bg.partition(posterior, X[:3], n_runs=2).labels.sizes == {"obs_id": 3}


def test_an_interrupt_keeps_the_best_so_far(monkeypatch):
    draws = random_draws(0)
    run, done = search._run, []

    def slow(*arguments):
        if len(done) == 3:
            threading.Timer(0.2, _thread.interrupt_main).start()
            arguments[-1].wait(20)
        done.append(run(*arguments))
        return done[-1]

    monkeypatch.setattr(search, "_run", slow)
    monkeypatch.setattr(runs, "available_cores", lambda: 1)
    with pytest.warns(ConvergenceWarning, match="interrupted: . of 16 runs are done"):
        found = bg.partition(draws)
    assert found.n_runs in (3, 4)


def test_a_run_that_is_stopped_has_no_answer(many):
    stop = threading.Event()
    stop.set()
    draws = read_labels(many)
    rows = np.ascontiguousarray(draws.values.T)
    rule = as_loss("vi").rule(60)
    assert search._run(draws, rows, rule, 60, 0, None, 0, stop) is None


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"loss": "rand"}, "`loss` must be a known name"),
        ({"n_runs": 0}, "`n_runs` must be a whole number"),
        ({"max_clusters": 0}, "`max_clusters` must be a whole number"),
        ({"probability": 1.0}, "`probability` must be between 0 and 1"),
        ({"n_draws": 4}, "`n_draws` must be at most the number of draws"),
        ({"X": [[0.0]]}, "`X` must be left out where labels are given"),
    ],
)
def test_bad_settings_are_refused(arguments, text):
    with pytest.raises(InputError, match=text):
        bg.partition([[0, 1], [0, 0], [1, 1]], **arguments)


@pytest.mark.parametrize("draws", [[0, 1], np.zeros((0, 3)), np.zeros((3, 0)), "nuts"])
def test_what_are_no_draws_is_refused(draws):
    with pytest.raises(InputError, match=r"`posterior` must be an xarray\.DataTree"):
        bg.partition(draws)


DIMS = ("chain", "draw", "obs_id", "more")


@pytest.mark.parametrize(
    ("draws", "text"),
    [
        ([[0, np.nan]], "whole numbers as labels; got nan"),
        ([[0, np.inf]], "whole numbers as labels; got inf"),
        ([[0, None]], "have a label for every row; got a row without one"),
        ([["a", None]], "have a label for every row; got a row without one"),
        ([[0, -2]], "have a label for every row; got a row without one"),
        (pd.DataFrame({0: [1, None]}, dtype="Int64"), "whole numbers as labels"),
        ([[0, 1], [0]], "labels in an array; got list: .*inhomogeneous"),
        (xr.Dataset({"label": ("obs_id", [0])}), "labels in an array; got Dataset"),
        (xr.DataArray(np.zeros((1, 1, 1, 1)), dims=DIMS), r"of shape \(1, 1, 1, 1\)"),
    ],
    ids=str,
)
@pytest.mark.parametrize("function", [bg.partition, bg.similarity], ids=["", "pairs"])
def test_draws_that_are_not_labels_are_refused(function, draws, text):
    with pytest.raises(InputError, match=f"`posterior` must .*{text}"):
        function(draws)


def test_labels_may_be_of_any_kind():
    draws = [["b", "b", "a"], ["x", "b", "b"]]
    found = bg.partition(np.array(draws, dtype=object)).expected_loss
    for same in (draws, [[1.0, 1.0, -3.0], [2.0, 1.0, 1.0]], pd.DataFrame(draws)):
        assert bg.partition(same).expected_loss == found


@pytest.mark.parametrize("name", ["losses", "point", "core", "several", "similarity"])
def test_examples_give_what_they_say(name):
    module = importlib.import_module(f"bayesgmm.partitions.{name}")
    result = doctest.testmod(module)
    assert result.attempted > 1
    assert result.failed == 0
