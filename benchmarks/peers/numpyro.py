"""NumPyro, as its manual writes mixtures: labels summed out, vectorised."""

import os

import numpy as np

os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"  # a chain each

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from numpyro.infer import MCMC, NUTS, init_to_value

from benchmarks.timing import timed

numpyro.enable_x64()


def write_model(told):
    """Return the model as a function of the rows."""
    k = len(told["weights"])
    concentration, shrinkage = float(told["concentration"]), float(told["shrinkage"])

    def model(X):
        weights = numpyro.sample("weights", dist.Dirichlet(jnp.full(k, concentration)))
        with numpyro.plate("components", k):
            lower = numpyro.sample(
                "precisions_cholesky",
                dist.WishartCholesky(
                    float(told["degrees"]), rate_matrix=jnp.asarray(told["scale"])
                ),
            )
            precisions = lower @ lower.mT
            means = numpyro.sample(
                "means",
                dist.MultivariateNormal(
                    jnp.asarray(told["location"]),
                    precision_matrix=shrinkage * precisions,
                ),
            )
        components = dist.MultivariateNormal(means, precision_matrix=precisions)
        mixture = dist.MixtureSameFamily(dist.Categorical(weights), components)
        with numpyro.plate("rows", len(X)):
            numpyro.sample("x", mixture, obs=X)

    return model


def prepare(told):
    """Return draws and seconds; compilation is what the first run takes longer."""
    first = {name: jnp.asarray(told[name]) for name in ("weights", "means")}
    precisions = np.linalg.inv(told["covariances"])
    first["precisions_cholesky"] = jnp.asarray(np.linalg.cholesky(precisions))
    kernel = NUTS(write_model(told), init_strategy=init_to_value(values=first))
    X = jnp.asarray(told["X"])

    def answer(draws, tune, chains):
        plan = {"num_warmup": tune, "num_samples": draws, "num_chains": chains}
        mcmc = MCMC(kernel, **plan, chain_method="parallel", progress_bar=False)

        def run(seed):
            mcmc.run(jax.random.PRNGKey(seed), X)
            return jax.block_until_ready(mcmc.get_samples(group_by_chain=True))

        _, with_compiling, _ = timed(lambda: run(0))
        found, wall, cpu = timed(lambda: run(1))
        draws_of = {n: np.asarray(found[n]).tolist() for n in ("weights", "means")}
        return draws_of | {"wall": wall, "cpu": cpu, "compiled": with_compiling - wall}

    return answer
