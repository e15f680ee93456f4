"""Stan, as its manual writes mixtures: labels summed out, row by row."""

import time

import numpy as np
import stan

from benchmarks.timing import timed

PROGRAM = """
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


def prepare(told):
    """Compile the model; answers are draws of weights and means, and seconds."""
    X, k = told["X"], len(told["weights"])
    data = {"n": len(X), "d": X.shape[1], "k": k, "x": X.tolist()}
    for name in ("concentration", "shrinkage", "degrees"):
        data[name] = float(told[name])
    data |= {name: told[name].tolist() for name in ("location", "scale")}
    first = {name: told[name].tolist() for name in ("weights", "means", "covariances")}
    begun = time.perf_counter()
    model = stan.build(PROGRAM, data=data, random_seed=1)
    compiled = time.perf_counter() - begun
    shapes = {"weights": (k,), "means": (k, X.shape[1])}

    def answer(draws, tune, chains):
        run = {"num_chains": chains, "num_samples": draws, "num_warmup": tune}
        fit, wall, cpu = timed(lambda: model.sample(**run, init=[first] * chains))
        # Draws of one chain after another's first, second, ...: (..., draw, chain).
        found = {
            name: np.moveaxis(
                fit[name].reshape(*shape, draws, chains), (-1, -2), (0, 1)
            ).tolist()
            for name, shape in shapes.items()
        }
        return found | {"wall": wall, "cpu": cpu, "compiled": compiled}

    return answer
