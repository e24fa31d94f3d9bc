"""The vocabulary of the wire: one frozen struct an item type.

`docs/protocol.md` is the specification. A field that foreign clients rely on has no default, for
a default leaves the wire.
"""

from typing import Annotated, Final, Literal, TypeAlias

from msgspec import Meta, Struct

PROTOCOL: Final = 1
"""The version both sides speak; the first item of a connection names it."""

Token: TypeAlias = Annotated[str, Meta(max_length=128)]
Number: TypeAlias = Annotated[int, Meta(ge=0, lt=2**53)]
"""Whole and exact in every language: 53 bits, as JavaScript counts."""

ResType: TypeAlias = Literal["string", "int", "secret"]


class Body(Struct, frozen=True, rename="kebab", omit_defaults=True):
    """What all items share: frozen, `res_key` in Python, `res-key` on the wire."""


class Secure(Body, frozen=True):
    """Ask for TLS, and grant it."""


class Resume(Body, frozen=True):
    """Where a client was: its session, and the last line that it has of each room."""

    session: Token
    rooms: dict[str, Number] = {}


class Hello(Body, frozen=True):
    """Who the client is; its first item.

    `token` proves the name; `keeps_token` says that the client keeps one that it is given.
    `resume` says that the client can come back after a lost connection, and with a session
    that it does so now.
    """

    protocol: int
    agent: Annotated[str, Meta(max_length=128)]
    id_key: str
    token: Token | None = None
    keeps_token: bool = False
    resume: Resume | None = None


class Limits(Body, frozen=True):
    """What the server takes, in bytes."""

    frame: int
    line: int
    message: int


class Welcome(Body, frozen=True):
    """The name and id that the server assigned; `token` is to be kept, and proves the name."""

    protocol: int
    hub: str
    session: str
    client_id: int
    name: str
    resumed: bool
    limits: Limits
    token: str | None = None


class Status(Body, frozen=True):
    """The client has taken its id: the handshake is complete."""

    ok: bool


class Print(Body, frozen=True):
    """Show `message`; every other field only allows a richer view."""

    message: str
    kind: str = "info"
    from_: str | None = None
    text: str | None = None
    room: str | None = None
    seq: Number | None = None
    at: float | None = None
    mid: str | None = None
    place: str | None = None
    earlier: bool = False
    more: bool = False
    secret: bool = False


class Input(Body, frozen=True):
    """Ask for one value; `keep` leaves the question open after each reply."""

    message: str
    res_key: str
    res_type: str
    id: Number
    keep: bool = False
    place: str | None = None
    local: bool = False
    words: tuple[str, ...] = ()


class Reply(Body, frozen=True):
    """The answer to the `input` with the same id."""

    res_key: Token
    value: str | int
    id: Number
    mid: Token | None = None


class Progress(Body, frozen=True):
    """How far a long request is; `done`, `total` in bytes, `rate` in bytes a second."""

    id: Number
    message: str
    done: int
    total: int | None = None
    rate: float | None = None


class Cancel(Body, frozen=True):
    """Stop the request that `progress` showed under this id."""

    id: Number


class File(Body, frozen=True):
    """Offer bytes that the client may pull with `get`; `size` in bytes."""

    id: Number
    name: str
    media_type: str
    size: int


class Get(Body, frozen=True):
    """Pull the next piece of a `file`, from `offset` in bytes."""

    id: Number
    offset: Number


class Data(Body, frozen=True):
    """One piece of a `file`, at most 32 KiB before base64."""

    id: Number
    offset: Number
    base64: str
    last: bool = False


class Seen(Body, frozen=True):
    """All mail up to this sequence number has been shown to the person."""

    mail: Number


class Ping(Body, frozen=True):
    """Ask for a sign of life; `t` is echoed."""

    t: float


class Pong(Body, frozen=True):
    """The sign of life."""

    t: float


class Bye(Body, frozen=True):
    """The last item, and why.

    `kind` is one word for programs: quit, closing, refused, protocol, silent, slow, error;
    `retry`: seconds after which coming back makes sense.
    """

    reason: str
    kind: str = ""
    retry: float | None = None


FromClient: TypeAlias = Secure | Hello | Status | Reply | Cancel | Get | Seen | Ping | Pong | Bye
FromServer: TypeAlias = (
    Secure | Welcome | Print | Input | Progress | File | Data | Ping | Pong | Bye
)
Item: TypeAlias = FromClient | FromServer
