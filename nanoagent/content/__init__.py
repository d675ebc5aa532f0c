"""Content: what agents say, as bounded JSON for their spans."""
