"""What two runs did, side by side: where they part, and what it took."""
