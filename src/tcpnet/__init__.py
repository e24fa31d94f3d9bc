"""A messaging hub for one LAN: server, terminal client and a documented protocol."""

__version__ = "0.1.0"
