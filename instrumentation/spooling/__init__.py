"""What could not be delivered: its files, and sending them again."""
