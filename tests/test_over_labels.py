"""Functions of labels, averaged over draws of them."""

import numpy as np
import pytest
import synthetic

import bayesgmm as bg
from bayesgmm.errors import InputError

NEAR = {**synthetic.TWO_GROUPS, "means": [[-0.6, 0.0], [0.6, 0.5]]}


def build(n_draws):
    rng = np.random.default_rng(0)
    X = synthetic.observations(NEAR, 30, rng)
    chains = [synthetic.perturbed(NEAR, n_draws, rng, 0.3) for _ in range(2)]
    return synthetic.tree(X, chains, lp=False)


@pytest.fixture(scope="module")
def posterior():
    return build(400)


def centre_of_first(labels, X):
    return X[labels == 0].mean(0)


def test_the_function_cannot_change_the_data(posterior):
    def centre(labels, X):  # noqa: ARG001
        X -= X.mean(0)
        return X.sum()

    before = posterior["constant_data"]["X"].values.copy()
    with pytest.raises(ValueError, match="read-only"):
        bg.average_over_labels(centre, posterior, n_draws=3)
    np.testing.assert_array_equal(posterior["constant_data"]["X"], before)


def test_the_function_is_called_for_every_draw(posterior):
    found = bg.average_over_labels(
        centre_of_first, posterior, n_draws=50, random_seed=1
    )
    labels = bg.draw_labels(posterior, n_draws=50, random_seed=1).values
    X = posterior["constant_data"]["X"].values
    values = np.array([[centre_of_first(z, X) for z in chain] for chain in labels])
    np.testing.assert_array_equal(found.values, values)
    np.testing.assert_allclose(found.mean, values.reshape(100, 2).mean(0))
    np.testing.assert_allclose(found.sd, values.reshape(100, 2).std(0))


def test_numbers_come_as_numbers_and_200_draws_of_a_chain_will_do(posterior):
    found = bg.average_over_labels(lambda z, _: (z == 0).sum(), posterior)
    assert (
        np.ndim(found.mean) == np.ndim(found.sd) == np.ndim(found.standard_error) == 0
    )
    assert found.values.shape == (2, 200)
    few = bg.average_over_labels(lambda z, _: (z == 0).sum(), build(5))
    assert few.values.shape == (2, 5)


def test_the_standard_error_is_that_of_independent_draws(posterior):
    """The draws of this posterior are independent, so the mean has error sd / 20."""
    means, errors = zip(
        *[
            bg.average_over_labels(
                lambda z, _: (z == 0).mean(), posterior, random_seed=seed
            )[::2][:2]
            for seed in range(3)
        ],
        strict=True,
    )
    sd = bg.average_over_labels(lambda z, _: (z == 0).mean(), posterior).sd
    np.testing.assert_allclose(errors, sd / 20, rtol=0.25)
    assert np.ptp(means) < 4 * np.sqrt(2) * sd / 20


def test_a_constant_has_no_error(posterior):
    found = bg.average_over_labels(lambda z, X: len(X), posterior)  # noqa: ARG005
    assert found[:3] == (30.0, 0.0, 0.0)


@pytest.mark.parametrize("n_draws", [1, 2, 3])
def test_few_draws_have_an_unknown_error(posterior, n_draws):
    """Two draws are equal by chance: that is no error of 0."""
    for function in (lambda z, _: z[0], lambda z, _: z[:2], lambda z, _: len(z)):
        found = bg.average_over_labels(function, posterior, n_draws=n_draws)
        assert np.isnan(found.standard_error).all()
        assert np.shape(found.standard_error) == np.shape(found.mean)
    four = bg.average_over_labels(lambda z, _: len(z), posterior, n_draws=4)
    assert four.standard_error == 0.0


def test_the_function_may_use_its_array_again(posterior):
    room = np.zeros(1)

    def share(labels, X):  # noqa: ARG001
        room[0] = labels.mean()
        return room

    found = bg.average_over_labels(share, posterior, n_draws=20)
    labels = bg.draw_labels(posterior, n_draws=20).values
    np.testing.assert_array_equal(found.values[..., 0], labels.mean(-1))


def test_new_rows(posterior):
    found = bg.average_over_labels(lambda z, X: [len(z), X.sum()], posterior, np.eye(2))
    assert found.mean.tolist() == [2.0, 2.0]


@pytest.mark.parametrize(
    ("function", "text"),
    [
        (lambda *_: np.nan, "must return finite numbers; got a number that is not"),
        (lambda *_: "much", "must return finite numbers; got other things at chain 0"),
        (lambda *_: "3", "must return finite numbers; got other things"),
        (lambda *_: 1j, "must return finite numbers; got other things"),
        (lambda *_: [[1], [1, 2]], "must return finite numbers; got other things"),
        (lambda *_: None, "must return finite numbers; got a number that is not"),
        (lambda *_: [], "must return finite numbers; got an empty array at chain 0"),
        (lambda z, _: np.zeros(z.sum()), "must return arrays of one shape; got shape"),
    ],
)
def test_what_is_no_average_is_refused(posterior, function, text):
    with pytest.raises(InputError, match=text):
        bg.average_over_labels(function, posterior)


def test_what_is_no_function_is_refused(posterior):
    with pytest.raises(InputError, match=r"be a function .* got a DataTree"):
        bg.average_over_labels(posterior, centre_of_first)


def test_replicates_of_a_jackknife_are_refused(posterior):
    tree = posterior.copy()
    tree["posterior"].attrs["standard_error_factor"] = 5.0
    with pytest.raises(InputError, match="replicates of a jackknife"):
        bg.average_over_labels(centre_of_first, tree)
