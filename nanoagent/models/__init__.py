"""Data that the agents exchange."""
