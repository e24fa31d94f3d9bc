"""What came over the line to the Internet."""

from dataclasses import dataclass


@dataclass(slots=True)
class Uplink:
    """What origins were asked for, and the bytes of bodies that came of it."""

    requests: int = 0
    bytes: int = 0
