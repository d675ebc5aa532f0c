"""The run: the loop, its roles, its limits and its numbers."""
