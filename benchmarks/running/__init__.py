"""Running goals: each attempt as a trace of its own."""
