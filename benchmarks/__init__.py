"""Benchmarks: goals, what they are run on, and verdicts on how the runs went."""
