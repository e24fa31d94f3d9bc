"""One file a feature; no dialogue imports another."""
