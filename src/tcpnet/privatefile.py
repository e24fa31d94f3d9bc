"""Small files that nobody else on the machine may read: keys, tokens, pinned keys."""

import os
import sys
from pathlib import Path


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
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


if sys.platform == "win32":
    _BINARY = os.O_BINARY

    def sync_folder(_folder: Path) -> None:
        """Nothing: Windows cannot, and writes the name with the file."""

else:
    _BINARY = 0

    def sync_folder(folder: Path) -> None:
        """Have the name of the file on the disk, too."""
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
