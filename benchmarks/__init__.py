"""Measures tcpnet beside its peers; `python3 dev.py bench` runs it."""
