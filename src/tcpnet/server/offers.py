"""Bytes that a person may take home: offered by the server, pulled piece by piece."""

from base64 import b64encode
from typing import BinaryIO, Final

from tcpnet.protocol.items import Data, File, Get

PIECE: Final = 32 * 1024
"""Bytes of one piece, before base64."""


class Offer:
    """One file on offer; closing it forgets the bytes."""

    def __init__(self, id: int, name: str, media_type: str, content: BinaryIO, size: int) -> None:
        self.file = File(id=id, name=name, media_type=media_type, size=size)
        self._content = content

    def piece(self, wish: Get) -> Data:
        """The bytes at an offset: read in place, as they come from memory or the page cache."""
        self._content.seek(wish.offset)
        found = self._content.read(PIECE)
        return Data(
            id=wish.id,
            offset=wish.offset,
            base64=b64encode(found).decode(),
            last=wish.offset + len(found) >= self.file.size,
        )

    def close(self) -> None:
        """Forget the bytes."""
        self._content.close()


def nothing(wish: Get) -> Data:
    """The answer to a wish for a file that is no longer there."""
    return Data(id=wish.id, offset=wish.offset, base64="", last=True)
