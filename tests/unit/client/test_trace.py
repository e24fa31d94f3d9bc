"""The trace: a transcript of the wire, without secrets."""

import io

from tcpnet.client.screen import State
from tcpnet.client.trace import Trace
from tcpnet.protocol.items import Print, Reply
from tests.unit.client.scripted import asks


def test_a_trace_is_a_transcript_in_ascii() -> None:
    """One line an item, with who said it; what the link does is a comment."""
    out = io.StringIO()
    trace = Trace(out)

    trace.on_state(State("lost", reason="gone \u202e"), 12.5)
    trace.heard(Print(message="Zo\u00eb\u202e"))
    trace.sent(Reply(res_key="k", value=5, id=1))

    assert out.getvalue() == (
        "# 12.500 lost gone \\u202e\n"
        'S: {"headers": [{"type": "print", "body": {"message": "Zo\\u00eb\\u202e"}}]}\n'
        'C: {"headers":[{"type":"reply","body":{"res-key":"k","value":5,"id":1}}]}\n'
    )


def test_a_secret_is_not_traced() -> None:
    """Only that there was an answer; another question's is traced again."""
    out = io.StringIO()
    trace = Trace(out)

    trace.heard(asks("Password: ", 1, "secret"))
    trace.sent(Reply(res_key="k", value="hunter2", id=1))
    trace.heard(asks("Name: ", 1))
    trace.sent(Reply(res_key="k", value="Nina", id=1))

    assert "hunter2" not in out.getvalue()
    assert '"value":"(secret)"' in out.getvalue()
    assert '"value":"Nina"' in out.getvalue()


def test_a_secret_that_is_shown_is_not_traced() -> None:
    """Only that something was shown; what is shown next is traced again."""
    out = io.StringIO()
    trace = Trace(out)

    trace.heard(Print(message="Your key: hunter2", text="hunter2", secret=True))
    trace.heard(Print(message="Keep it."))

    assert "hunter2" not in out.getvalue()
    assert '"message":"(secret)"' in out.getvalue()
    assert "Keep it." in out.getvalue()
