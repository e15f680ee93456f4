"""Pictures, one a file. Each function takes `ax` and returns a matplotlib Figure."""
