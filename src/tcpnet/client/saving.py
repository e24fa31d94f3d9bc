"""A file on its way from the hub to the person's disk, piece by piece."""

from pathlib import Path

from tcpnet.client.screen import Piece
from tcpnet.errors import UserError
from tcpnet.protocol.items import File


def create(name: str, content: bytes = b"") -> Path:
    """Write a new file where the person wants it; raises UserError, and never overwrites."""
    try:
        path = Path(name).expanduser()
        with path.open("xb") as file:
            file.write(content)
    except FileExistsError as error:
        raise UserError(f"exists already: {name}") from error
    except (OSError, ValueError, RuntimeError) as error:
        raise UserError(f"cannot write {name}: {_reason(error)}") from error
    return path


class Saving:
    """Appends the pieces of one offered file to a new file of this name."""

    def __init__(self, file: File, name: str, now: float) -> None:
        """Begin; `now` in seconds of any clock. Raises UserError."""
        self.file = file
        self.name = name
        self.done = 0
        """Bytes written, and the offset of the next piece."""
        self._began = now
        self._path = create(name)

    @property
    def cut_off(self) -> str:
        """What to say where nothing more comes."""
        return f"{self.name} holds only {self.done:,} of {self.file.size:,} bytes"

    def rate(self, now: float) -> float:
        """Bytes a second so far."""
        return self.done / max(now - self._began, 0.001)

    def take(self, piece: Piece) -> bool:
        """Write a piece; whether the file is whole now. Raises UserError."""
        if piece.id != self.file.id or piece.offset != self.done:
            return False
        if self.done + len(piece.content) > self.file.size:
            raise UserError(f"the hub sends more than the {self.file.size:,} bytes it offered")
        try:
            with self._path.open("ab") as file:
                file.write(piece.content)
        except OSError as error:
            raise UserError(f"cannot write {self.name}: {_reason(error)}") from error
        self.done += len(piece.content)
        if piece.last and self.done < self.file.size:
            raise UserError(self.cut_off)
        return piece.last


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
