"""Names of components are asked for only where labels were resolved."""

import numpy as np
import pytest
import synthetic
import xarray as xr

import bayesgmm as bg
from bayesgmm import InputError

ASK = {
    "membership": bg.membership,
    "profile": bg.profile,
    "ellipses": lambda posterior: bg.plot_ellipses(rows_of(posterior), posterior),
    "pairs": lambda posterior: bg.plot_pairs(rows_of(posterior), posterior),
    "prior and posterior": lambda posterior: bg.plot_prior_posterior(
        xr.DataTree.from_dict({"prior": posterior["posterior"].to_dataset()}), posterior
    ),
    "rename": lambda posterior: bg.rename(posterior, {0: "low"}),
    "align_to": lambda posterior: bg.align_to(posterior, bg.relabel(posterior)),
    "from_posterior": bg.Priors.from_posterior,
}


def rows_of(posterior):
    return posterior["constant_data"]["X"].values


def draws_of(n_components):
    k = n_components
    truth = {
        "weights": np.full(k, 1 / k),
        "means": [[-6.0, 0.0], [0.0, 1.0], [5.0, 2.0]][:k],
        "covariances": [np.eye(2)] * k,
    }
    rng = np.random.default_rng(0)
    X = synthetic.observations(truth, 30, rng)
    return synthetic.tree(X, [synthetic.perturbed(truth, 5, rng, 0.2)], lp=False)


def knowing(posterior, *rows):
    """Return the draws with labels known; every kind of row may be of these."""
    n = posterior["constant_data"].sizes["obs_id"]
    allowed = np.resize(rows, (n, len(rows[0]))).astype(bool)
    kept = (("obs_id", "component"), allowed)
    return synthetic.changed(posterior, "constant_data", allowed=kept)


@pytest.mark.parametrize("name", ASK)
def test_labels_are_resolved_before_components_are_named(name):
    posterior = draws_of(3)
    some = knowing(posterior, [1, 0, 0], [0, 1, 1])
    for unresolved in (posterior, some):
        with pytest.raises(InputError) as error:
            ASK[name](unresolved)
        assert str(error.value) == (
            "`posterior` must have its labels resolved; got no group 'relabelling'. "
            "Pass `bayesgmm.relabel(posterior)`."
        )
        ASK[name](bg.relabel(unresolved))


@pytest.mark.parametrize("name", ASK)
def test_there_is_nothing_to_resolve_where_labels_tell_all_apart(name):
    ASK[name](draws_of(1))
    ASK[name](knowing(draws_of(2), [1, 0], [0, 1], [1, 1]))


def test_rows_of_no_component_have_names_of_their_own():
    """No component can be called what noise and undecided rows are called."""
    noisy = synthetic.with_noise(bg.relabel(draws_of(2)), edge=18.0)
    group = noisy["posterior"].to_dataset()
    noisy["posterior"].dataset = group.drop_vars("component")  # as some samplers do
    named = bg.rename(noisy, ["low", "high"])
    for ask in (bg.membership, lambda x: bg.profile(x).draws):
        assert ask(noisy)["component"].values.tolist() == [0, 1, -1]
        assert ask(named)["component"].values.tolist() == ["low", "high", "noise"]
    for taken in ("noise", "undecided"):
        with pytest.raises(InputError, match=f"no component are called; got '{taken}'"):
            bg.rename(noisy, {1: taken})
