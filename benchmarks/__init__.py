"""Speed and memory beside those of other packages: `python -m benchmarks`."""
