"""Engines: attempts made in other processes than the one that was asked for them."""
