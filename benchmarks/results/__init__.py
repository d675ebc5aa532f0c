"""Results as data, in files, and read back from traces."""
