"""Small files that nobody else on the machine may read: keys, tokens, pinned keys."""

import os
import sys
import time
from pathlib import Path
from typing import Final

_TRIES: Final = 50
_PAUSE: Final = 0.01
"""Seconds between tries to take the place of a file that is being read: half a second in all."""


def write(path: Path, content: bytes) -> None:
    """Write the whole file or, whatever happens meanwhile, leave what was there. Raises OSError.

    It is on the disk when this returns: a hub that lost its key in a power cut would be refused by
    everybody. Missing folders are made, for this user alone.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.urandom(6).hex()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        _replace(draft, path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


if sys.platform == "win32":
    _BINARY = os.O_BINARY

    def _replace(draft: Path, path: Path) -> None:
        # Windows refuses while somebody reads the old file, which is over in a moment.
        for _ in range(_TRIES):
            try:
                draft.replace(path)
            except PermissionError:
                time.sleep(_PAUSE)
            else:
                return
        draft.replace(path)

    def sync_folder(_folder: Path) -> None:
        """Nothing: Windows cannot, and writes the name with the file."""

else:
    _BINARY = 0

    def _replace(draft: Path, path: Path) -> None:
        draft.replace(path)

    def sync_folder(folder: Path) -> None:
        """Have the name of the file on the disk, too."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
