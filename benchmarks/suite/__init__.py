"""The suite: goals as data, and the checks of their answers."""
