"""Tests of shards and of how they are merged."""
