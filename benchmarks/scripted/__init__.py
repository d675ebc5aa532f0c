"""The scripted model: it answers by rules from what a request shows."""
