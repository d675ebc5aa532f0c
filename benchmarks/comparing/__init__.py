"""Two results compared: what became better and worse, where, and how sure that is."""
