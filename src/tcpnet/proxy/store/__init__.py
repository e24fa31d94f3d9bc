"""Pages on the disk and in memory: written, found, read, sealed and dropped."""
