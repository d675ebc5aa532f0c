"""Tools: what a run may call, and what keeps it going whatever they do."""
