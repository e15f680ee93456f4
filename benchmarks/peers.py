"""Stan and NumPyro on the posterior of `benchmarks.samplers`, in their own Python.

Run by that benchmark: `python peers.py stan|numpyro told.npz found.npz`. Needs NumPy
and the peer, nothing of bayesgmm.
"""

import os
import sys
import time
from pathlib import Path

import numpy as np

STAN = """
data { int n; int d; int k; array[n] vector[d] x; real concentration;
  vector[d] location; real shrinkage; real degrees; matrix[d, d] scale; }
parameters { simplex[k] weights; array[k] vector[d] means;
  array[k] cov_matrix[d] covariances; }
model {
  array[k] matrix[d, d] roots;
  vector[k] log_weights = log(weights);
  weights ~ dirichlet(rep_vector(concentration, k));
  for (c in 1:k) {
    covariances[c] ~ inv_wishart(degrees, scale);
    means[c] ~ multi_normal(location, covariances[c] / shrinkage);
    roots[c] = cholesky_decompose(covariances[c]);
  }
  for (i in 1:n) {
    vector[k] joint = log_weights;
    for (c in 1:k) joint[c] += multi_normal_cholesky_lpdf(x[i] | means[c], roots[c]);
    target += log_sum_exp(joint);
  }
}
"""


def processor_seconds(pid=None):
    """Return what a process and all its children have used: Linux only."""
    pid = pid or os.getpid()
    stat = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    total = sum(map(int, stat[11:15])) / os.sysconf("SC_CLK_TCK")
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        total += sum(processor_seconds(int(c)) for c in children.read_text().split())
    return total


def timed(run):
    """Return what `run` returns, and wall and processor seconds."""
    wall, cpu = time.perf_counter(), processor_seconds()
    result = run()
    return result, time.perf_counter() - wall, processor_seconds() - cpu


def run_stan(told):
    """Return weights, means (chain, draw, ...), and wall, cpu and compile seconds."""
    import stan

    draws, tune, chains = map(int, told["plan"])
    X, k = told["X"], len(told["weights"])
    data = {"n": len(X), "d": X.shape[1], "k": k, "x": X.tolist()}
    for name in ("concentration", "shrinkage", "degrees"):
        data[name] = float(told[name])
    data |= {name: told[name].tolist() for name in ("location", "scale")}
    first = {name: told[name].tolist() for name in ("weights", "means", "covariances")}
    begun = time.perf_counter()
    model = stan.build(STAN, data=data, random_seed=1)
    compiled = time.perf_counter() - begun
    fit, wall, cpu = timed(
        lambda: model.sample(
            num_chains=chains,
            num_samples=draws,
            num_warmup=tune,
            init=[first] * chains,
        )
    )
    # Draws of one chain after another's first, second, ...: (..., draw, chain).
    found = [
        np.moveaxis(fit[name].reshape(*shape, draws, chains), (-1, -2), (0, 1))
        for name, shape in (("weights", (k,)), ("means", (k, X.shape[1])))
    ]
    return *found, [wall, cpu, compiled]


def run_numpyro(told):
    """Do the same; compilation is what the first of two runs takes longer."""
    import jax
    import jax.numpy as jnp
    import numpyro
    import numpyro.distributions as dist
    from numpyro.infer import MCMC, NUTS, init_to_value

    numpyro.enable_x64()
    draws, tune, chains = map(int, told["plan"])
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

    first = {name: jnp.asarray(told[name]) for name in ("weights", "means")}
    precisions = np.linalg.inv(told["covariances"])
    first["precisions_cholesky"] = jnp.asarray(np.linalg.cholesky(precisions))
    mcmc = MCMC(
        NUTS(model, init_strategy=init_to_value(values=first)),
        num_warmup=tune,
        num_samples=draws,
        num_chains=chains,
        chain_method="parallel",
        progress_bar=False,
    )
    X = jnp.asarray(told["X"])

    def run(seed):
        mcmc.run(jax.random.PRNGKey(seed), X)
        return jax.block_until_ready(mcmc.get_samples(group_by_chain=True))

    _, compiled, _ = timed(lambda: run(0))
    found, wall, cpu = timed(lambda: run(1))
    weights, means = (np.asarray(found[name]) for name in ("weights", "means"))
    return weights, means, [wall, cpu, compiled - wall]


def main():
    name, told, found = sys.argv[1:]
    run = {"stan": run_stan, "numpyro": run_numpyro}[name]
    with np.load(told) as arrays:
        weights, means, seconds = run(dict(arrays))
    np.savez(found, weights=weights, means=means, seconds=seconds)


if __name__ == "__main__":
    main()
