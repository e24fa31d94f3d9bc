"""The status line: one row of text that says how things stand. No UI toolkit."""

from collections.abc import Iterator
from itertools import zip_longest
from typing import Final, TypeAlias

from tcpnet.client.desk import Desk
from tcpnet.client.paste import Paste
from tcpnet.client.question import Question
from tcpnet.client.saving import Saving
from tcpnet.client.width import cells, pad, steady
from tcpnet.protocol.items import Progress

SLOW: Final = 0.5
"""Seconds, there and back, from which on a connection is called slow."""

HELP: Final = "F1 help"

Words: TypeAlias = tuple[str, ...]
"""The same in fewer and fewer cells."""


def status(desk: Desk, width: int) -> str:
    """The row, exactly `width` cells; where it is narrow, who and where give way, then words."""
    screen = desk.screen
    who = [screen.address, screen.name, screen.place or ""]
    parts = [*_connection(desk), *_situation(desk)]
    now = [words[0] for words in parts]
    while who and cells(_joined(who + now)) > width:
        del who[0]
    for shorter in zip_longest(*parts):
        if cells(_joined(who + now)) > width:
            pairs = zip(shorter, now, strict=True)
            now = [words if words is not None else last for words, last in pairs]
    text = steady(_joined(who + now))
    room = width - cells(text) - len(HELP) - 1
    return pad(text + " " * room + HELP if room > 0 else text, width)


def spoken(desk: Desk) -> str:
    """What inline says as a line of its own when it changes; empty for nothing."""
    if desk.notice:
        return desk.notice
    if desk.reviewing:
        return review(desk.reviewing, desk.question)
    if desk.hidden:
        return "what you type now is hidden"
    if desk.posting:
        return f"sending {_count(desk.posting.total, 'line')}  ^C stop"
    return desk.screen.progress.message if desk.screen.progress else ""


def _joined(parts: list[str]) -> str:
    return " " + " | ".join(part for part in parts if part)


def _connection(desk: Desk) -> Iterator[Words]:
    """How the link stands, unless all is well."""
    state, now = desk.screen.state, desk.clock()
    match state.phase:
        case "lost" if state.retry_at is not None:
            wait = max(0, round(state.retry_at - now))
            yield (
                f"NOT CONNECTED, retry {state.attempt} in {wait}s | Enter retry now  ^D quit",
                f"NOT CONNECTED, {wait}s | Enter now  ^D quit",
                f"NOT CONNECTED, {wait}s",
            )
        case "lost":
            yield ("NOT CONNECTED",)
        case "connecting" | "greeting" if desk.screen.client_id is not None:
            since = f"{now - state.since:.0f}s"
            yield f"NOT CONNECTED, try {state.attempt} since {since}", f"NOT CONNECTED, {since}"
        case "greeting" if desk.screen.question is not None:
            yield ("not in yet",)
        case "connecting" | "greeting":
            since = f"connecting {max(0, now - state.since):.0f}s"
            yield f"{since} | ^C cancel", since
        case "ended":
            yield ("NOT CONNECTED",)


def _situation(desk: Desk) -> Iterator[Words]:
    """What matters most now."""
    if desk.notice:
        yield (desk.notice,)
    elif desk.reading.find:
        yield finding(desk.reading.find.trouble)
    elif desk.reviewing:
        yield review(desk.reviewing, desk.question), brief_review(desk.reviewing, desk.question)
    elif desk.mid_line:
        yield (
            "PASSWORD asked: pause to type it | your line is kept",
            "PASSWORD asked: pause to type it",
            "PASSWORD: pause",
        )
    elif desk.hidden:
        yield "PASSWORD hidden | Enter send  ^C clear", "PASSWORD hidden"
    elif desk.screen.progress:
        yield (progress(desk.screen.progress),)
    elif desk.posting:
        sending = f"sending {desk.posting.done:,}/{desk.posting.total:,}"
        yield f"{sending}  ^C stop", sending
    elif desk.saving:
        yield (saving(desk.saving, desk.clock()),)
    elif desk.reading.text:
        yield (f"{_below(desk.reading.text.below)}Esc close",)
    elif not desk.view.follows:
        yield below(desk.view.below, desk.view.mentions_below)
    elif desk.next_lines:
        count = len(desk.next_lines)
        yield (
            f"{_count(count, 'more line')}: Enter send and next | Esc drop",
            f"{count:,} more: Enter next | Esc drop",
        )
    elif desk.held:
        waiting = f"{_count(len(desk.held), 'line')} held"
        yield f"{waiting} for the next question", waiting
    elif desk.screen.state.phase == "connected":
        yield (_health(desk.way.rtt),)


def finding(trouble: str) -> Words:
    """What the keys do in a search."""
    trouble = f"{trouble} | " if trouble else ""
    return (
        f"{trouble}Up older  Down newer  Enter stay  Esc back",
        f"{trouble}Up  Down  Enter stay  Esc back",
        f"{trouble}Up Down Esc",
    )


def review(paste: Paste, question: Question | None) -> str:
    """What may be done with a paste at this question."""
    count = _count(len(paste.lines), "line")
    if question is None or not question.keep:
        return f"paste {count}, one line expected: j join | Esc drop"
    send = "Enter send" if paste.may_send else "Enter twice: send"
    return f"paste {count}: {send} {len(paste.lines):,} | e edit | j join | Esc drop"


def brief_review(paste: Paste, question: Question | None) -> str:
    """The same for a narrow row."""
    count = f"paste {len(paste.lines):,}"
    if question is None or not question.keep:
        return f"{count}: j join | Esc drop"
    return f"{count}: {'Enter' if paste.may_send else 'Enter twice'}|e edit|j join|Esc drop"


def saving(saving: Saving, now: float) -> str:
    """How far a file is on its way to the disk."""
    done, whole = _amount(saving.done), _amount(saving.file.size)
    return f"saving {saving.name} {done} of {whole} at {_amount(saving.rate(now))}/s"


def progress(progress: Progress) -> str:
    """How far a request is, in bytes and bytes a second."""
    parts = [progress.message, _amount(progress.done)]
    if progress.total is not None:
        parts.append(f"of {_amount(progress.total)}")
    if progress.rate is not None:
        parts.append(f"at {_amount(progress.rate)}/s")
    return " ".join(filter(None, parts)) + "  ^C stop"


def below(lines: int, mentions: int) -> Words:
    """What is not seen while the view is held."""
    named = f" ({_count(mentions, 'mention')})" if mentions else ""
    text = _below(lines, named)
    return f"{text}^End follow", text.rstrip() or "^End follow"


def _below(lines: int, named: str = "") -> str:
    return f"{lines:,} below{named}  " if lines else ""


def _health(rtt: float | None) -> str:
    if rtt is None:
        return "ok"
    return f"slow {rtt:.1f}s" if rtt > SLOW else f"ok {rtt * 1000:.0f}ms"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def _amount(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"
