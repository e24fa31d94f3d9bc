"""Recordings of real sessions, made anew by `python3 dev.py record`."""
