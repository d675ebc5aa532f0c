"""Judging: from an outcome to a verdict."""
