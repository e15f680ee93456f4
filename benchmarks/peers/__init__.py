"""What each peer does when it is asked; see `benchmarks.asking`."""
