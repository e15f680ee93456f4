"""What draws of labels say of partitions of the rows, whatever clusters are called."""
