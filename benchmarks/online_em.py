"""How near online EM comes to the maximum: `python -m benchmarks.online_em`.

The largest distance of any parameter from the maximum likelihood estimate, in its
standard errors: of the first rows, after one pass, and after three.
"""

import numpy as np

import bayesgmm as bg

N, FIRST, BATCH = 100_000, 5000, 1000


def draw(apart, seed):
    rng = np.random.default_rng(seed)
    z = rng.choice(3, size=N, p=[0.5, 0.3, 0.2])
    centres = apart * np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.3]])
    return centres[z] + rng.normal(size=(N, 2)) * (1 + 0.2 * z[:, None])


def distance(em, whole, errors):
    em = em.align_to(whole)
    names = ("weights", "means", "covariances")
    gaps = (getattr(em, f"{name}_") - getattr(whole, f"{name}_") for name in names)
    pairs = zip(gaps, names, strict=True)
    return max(np.abs(gap / errors[name].values).max() for gap, name in pairs)


def run(apart, seed):
    X = draw(apart, seed)
    whole = bg.GaussianMixture(3, n_init=2, random_state=0).fit(X)
    errors = bg.standard_errors(whole, X)
    em, found = bg.GaussianMixture(3, n_init=2, random_state=0), []
    em.partial_fit(X[:FIRST])
    found.append(distance(em, whole, errors))
    for number in range(3):
        for i in range(0 if number else FIRST, N, BATCH):
            em.partial_fit(X[i : i + BATCH])
        if number != 1:
            found.append(distance(em, whole, errors))
    return found


def main():
    print("| centres apart, sd | first rows | one pass | three passes |")
    print("|---|---|---|---|")
    for apart in (5, 4, 3):
        worst = np.max([run(apart, seed) for seed in range(3)], axis=0)
        print(f"| {apart} | " + " | ".join(f"{value:.1f}" for value in worst) + " |")


if __name__ == "__main__":
    main()
