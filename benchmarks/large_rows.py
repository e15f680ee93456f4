"""Rows of a known mixture on disk, for `scale` and `spark`."""

from pathlib import Path

import numpy as np

N_FEATURES, N_COMPONENTS = 4, 8
BLOCK = 100_000
"""Rows that have a seed of their own, so that chunks change no row."""
CHUNK = 500_000


def truth():
    """Return weights, means and factors of covariances of groups that overlap."""
    rng = np.random.default_rng(0)
    weights = rng.dirichlet(np.full(N_COMPONENTS, 5.0))
    means = 2.0 * rng.normal(size=(N_COMPONENTS, N_FEATURES))
    factors = np.eye(N_FEATURES) + 0.3 * rng.normal(size=(N_COMPONENTS, N_FEATURES, 1))
    return weights, means, factors


def draw(number, n_rows=BLOCK):
    """Return one block of rows."""
    weights, means, factors = truth()
    rng = np.random.default_rng([1, number])
    rows = rng.standard_normal((n_rows, N_FEATURES))
    labels = rng.choice(N_COMPONENTS, size=n_rows, p=weights)
    for k in range(N_COMPONENTS):
        mine = labels == k
        rows[mine] = means[k] + rows[mine] @ factors[k].T
    return rows


def draw_chunk(n_rows, block_info=None):
    """Return the rows of one chunk of a Dask array."""
    first, last = block_info[None]["array-location"][0]
    blocks = range(first // BLOCK, -(-last // BLOCK))
    return np.concatenate([draw(i, min(BLOCK, n_rows - BLOCK * i)) for i in blocks])


def write(path: Path, n_rows: int, chunk: int = CHUNK, **how) -> None:
    """Write rows to Zarr chunk by chunk, unless they are there."""
    import dask.array as da
    import zarr

    if (path / "done").exists():
        return
    chunk = min(chunk, n_rows)
    sizes = tuple(min(chunk, n_rows - start) for start in range(0, n_rows, chunk))
    shapes, nothing = (sizes, (N_FEATURES,)), np.empty((0, 0))
    array = da.map_blocks(draw_chunk, n_rows, chunks=shapes, dtype=float, meta=nothing)
    shape, chunks = (n_rows, N_FEATURES), (chunk, N_FEATURES)
    store = zarr.create_array(
        path, shape=shape, chunks=chunks, dtype=float, overwrite=True, **how
    )
    array.store(store, lock=False)
    (path / "done").touch()


def on_disk(path: Path) -> float:
    """Return the megabytes of a folder."""
    return sum(x.stat().st_size for x in path.rglob("*") if x.is_file()) / 1e6


def start():
    """Return the start of every fit: the truth, moved."""
    _, means, factors = truth()
    covariances = factors @ np.swapaxes(factors, 1, 2)
    return {
        "weights_init": np.full(N_COMPONENTS, 1 / N_COMPONENTS),
        "means_init": means + 0.5,
        "precisions_init": np.linalg.inv(covariances),
    }
