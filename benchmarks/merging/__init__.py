"""Merging: the files of the shards of one benchmark put together, as if one process had made all attempts."""
