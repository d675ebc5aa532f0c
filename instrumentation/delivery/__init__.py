"""Delivery: how spans leave the process, and what became of each."""
