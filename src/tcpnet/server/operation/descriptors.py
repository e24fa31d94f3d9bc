"""How many files and sockets this process may have open."""

import sys
from typing import Final

BESIDE: Final = 512
"""Descriptors besides people's connections: 256 to sites, pages being read, the store."""

if sys.platform == "win32":

    def allowed() -> int | None:
        """No number: Windows counts no sockets."""
        return None

    def allow(_wanted: int) -> None:
        """Nothing."""

else:
    import resource

    def allowed() -> int | None:
        """As many as the system lets us have; None for no limit."""
        _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        return None if hard == resource.RLIM_INFINITY else hard

    def allow(wanted: int) -> None:
        """Let this process have so many, or as many as the system lets it."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        if soft == resource.RLIM_INFINITY or soft >= wanted:
            return
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
        except (ValueError, OSError):
            return  # macOS has a lower limit of its own; the hub runs with what there is
