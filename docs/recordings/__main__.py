"""Make the recordings anew: `python -m docs.recordings [NAME …]`."""

import asyncio
import sys
from pathlib import Path

from docs.recordings import people, proxy

RECORDINGS = {"people": people.record, "proxy": proxy.record}


def main() -> None:
    """Write each recording beside this file."""
    for name in sys.argv[1:] or RECORDINGS:
        text = asyncio.run(RECORDINGS[name]())
        Path(__file__).with_name(f"{name}.txt").write_text(text, "utf-8")


if __name__ == "__main__":
    main()
