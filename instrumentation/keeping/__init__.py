"""Keeping runs whole that the sampler let go: which, until when their spans are held, and how they go on."""
