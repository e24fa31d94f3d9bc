"""Log records: readable or JSON, with their session."""

import json
import logging

import pytest

from tcpnet import log


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_record_is_one_line_with_its_session_and_fields(
    form: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Constant messages with fields beside them; hostile values cannot begin a line."""
    root, handlers, level = logging.getLogger(), logging.getLogger().handlers[:], logging.root.level
    token = log.session_id.set("abc")
    try:
        log.set_up("info", form)
        logging.getLogger("tcpnet.test").info("session ended", extra={"reason": "a\nb\x1b"})
        log.flush()
    finally:
        log.session_id.reset(token)
        root.handlers[:], root.level = handlers, level

    written = capfd.readouterr().err
    assert written.count("\n") == 1
    assert "\x1b" not in written
    if form == "json":
        record = json.loads(written)
        assert (record["message"], record["session"], record["reason"]) == (
            "session ended",
            "abc",
            "a\nb\x1b",
        )
    else:
        assert 'session ended session="abc" reason="a\\nb\\u001b"' in written
