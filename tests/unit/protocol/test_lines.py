"""Bytes in, whole lines out, whatever the cuts between reads."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.errors import ProtocolError
from tcpnet.protocol import codec, items
from tcpnet.protocol.codec import MAX_FRAME, Lines

FRAMES = (
    codec.encode(items.Hello(protocol=1, agent="test/1", id_key="Nína")),
    codec.encode(items.Status(ok=True), items.Seen(mail=7)),
    codec.encode(items.Reply(res_key="message", value="Grüße 😀\n", id=4, mid="b1946ac9")),
    codec.encode(items.Secure(), items.Cancel(id=1), items.Get(id=1, offset=32_768)),
    codec.encode(items.Ping(t=0.5), items.Pong(t=1e9), items.Bye(reason="quit")),
    codec.encode(
        items.Welcome(
            protocol=1,
            hub="c0ffee",
            session="5e55104a",
            client_id=50851,
            name="Nína",
            resumed=False,
            limits=items.Limits(frame=65_536, line=4096, message=16_384),
        )
    ),
    codec.encode(
        items.Print(message="Ann> a\nb", kind="chat", from_="Ann", text="a", seq=9, at=1.5)
    ),
    codec.encode(items.Input(message="> ", res_key="k", res_type="int", id=1, words=("/a", "/b"))),
    codec.encode(items.Progress(id=1, message="…", done=1, total=2, rate=0.5)),
    codec.encode(items.File(id=1, name="a.txt", media_type="text/plain", size=3)),
    codec.encode(items.Data(id=1, offset=0, base64="YWJj", last=True)),
)


@pytest.mark.parametrize("frame", FRAMES, ids=lambda frame: frame[22:32].decode())
def test_every_two_way_split_gives_the_same_lines(frame: bytes) -> None:
    """A read may end anywhere, also inside a character or before the newline."""
    stream = frame + FRAMES[4]

    for cut in range(len(stream) + 1):
        lines = Lines()
        lines.feed(stream[:cut])
        found = list(lines)
        lines.feed(stream[cut:])
        found += list(lines)

        assert found == [frame[:-1], FRAMES[4][:-1]]
        assert len(lines) == 0


@given(st.lists(st.binary(max_size=40)))
def test_lines_joined_are_what_was_fed(reads: list[bytes]) -> None:
    """No byte is lost or invented, however it came."""
    lines = Lines()
    found = b""

    for read in reads:
        lines.feed(read)
        found += b"".join(line + b"\n" for line in lines)

    whole, newline, rest = b"".join(reads).rpartition(b"\n")
    assert found == whole + newline
    assert len(lines) == len(rest)


def test_byte_by_byte_is_a_line_in_the_end() -> None:
    """The slowest sender is understood."""
    lines = Lines()
    found: list[bytes] = []

    for byte in FRAMES[0]:
        lines.feed(bytes([byte]))
        found += lines

    assert found == [FRAMES[0][:-1]]


def test_what_follows_can_wait() -> None:
    """Whoever stops between two lines finds the second one later."""
    lines = Lines()
    lines.feed(b"one\ntwo\n")

    assert next(lines) == b"one"
    assert len(lines) == 4
    assert next(lines) == b"two"


def test_a_line_of_exactly_the_limit_is_taken() -> None:
    """The limit counts the newline."""
    lines = Lines()

    lines.feed(b"x" * (MAX_FRAME - 1) + b"\n")

    assert [len(line) for line in lines] == [MAX_FRAME - 1]


def test_a_longer_line_is_refused() -> None:
    """Finished or not makes no difference."""
    lines = Lines()

    lines.feed(b"x" * MAX_FRAME + b"\n")

    with pytest.raises(ProtocolError, match="at most 65536 bytes"):
        next(lines)


def test_an_unfinished_line_over_the_limit_is_refused_at_once() -> None:
    """Nobody fills our memory with a line that never ends."""
    lines = Lines()
    lines.feed(b"x" * (MAX_FRAME - 1))
    assert list(lines) == []

    lines.feed(b"x")

    with pytest.raises(ProtocolError, match="at most 65536 bytes"):
        next(lines)


def test_the_lines_before_a_long_one_are_taken() -> None:
    """An error does not swallow what was right."""
    lines = Lines(max_line=10)
    lines.feed(b"one\n" + b"x" * 20)

    assert next(lines) == b"one"
    with pytest.raises(ProtocolError):
        next(lines)


def test_many_short_lines_may_be_more_than_the_limit_together() -> None:
    """The limit is one line's."""
    lines = Lines(max_line=10)

    lines.feed(b"short\n" * 1000)

    assert len(list(lines)) == 1000
