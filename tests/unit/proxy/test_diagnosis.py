"""Diagnosis: what the system's errors are called, where no origin on loopback can show them."""

import errno
import ssl

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from tcpnet.proxy.failures import ConnectionFailed, TlsFailed
from tcpnet.proxy.origin.diagnosis import of_head

KEY = ConnectionKey("site.example", 443, True, True, None, None, None)


class OfWindows(OSError):
    """What asyncio raises there: the system's number, and no errno that says anything."""

    def __init__(self, number: int) -> None:
        super().__init__(errno.EINVAL, "x")
        self.winerror = number


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (OSError(errno.ECONNREFUSED, "x"), "refused the connection"),
        (OSError(errno.ENETUNREACH, "x"), "cannot be reached: the link may be down"),
        (OSError(errno.EHOSTUNREACH, "x"), "cannot be reached: the link may be down"),
        (OSError(errno.ETIMEDOUT, "x"), "did not answer"),
        (OSError(errno.ECONNRESET, "x"), "broke the connection off"),
        (ConnectionResetError(), "broke the connection off"),
        (OfWindows(1225), "refused the connection"),
        (OfWindows(121), "did not answer"),
        (OfWindows(1231), "cannot be reached: the link may be down"),
        (OfWindows(1232), "cannot be reached: the link may be down"),
        (OSError(errno.EADDRNOTAVAIL, "x"), "cannot be reached"),
        (OSError("Multiple exceptions: x, y"), "cannot be reached"),
    ],
)
def test_a_dial_that_fails_has_plain_words(error: OSError, words: str) -> None:
    """No class name, no number, no address of the library."""
    found = of_head(aiohttp.ClientConnectorError(KEY, error), "site.example")

    assert isinstance(found, ConnectionFailed)
    assert str(found) == f"site.example {words}."


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (9, "its certificate is not valid yet (is the clock of this machine right?)"),
        (10, "its certificate has expired"),
        (18, "its certificate is self-signed"),
        (19, "its certificate is signed by nobody known here"),
        (23, "its certificate has been revoked"),
        (62, "its certificate is for another name"),
        (66, "its certificate fails: too weak"),
    ],
)
def test_a_certificate_that_is_not_taken_has_a_reason(code: int, words: str) -> None:
    """OpenSSL's number decides, and its words where there are none of ours."""
    error = ssl.SSLCertVerificationError(1, "x")
    error.verify_code, error.verify_message = code, "too weak"

    found = of_head(aiohttp.ClientConnectorCertificateError(KEY, error), "site.example")

    assert isinstance(found, TlsFailed)
    assert found.reason == words


def test_a_certificate_may_fail_without_a_number() -> None:
    """Older parts of the library raise a bare ValueError."""
    error = aiohttp.ClientConnectorCertificateError(KEY, ValueError("x"))

    assert str(of_head(error, "site.example")) == (
        "No secure connection to site.example: its certificate cannot be trusted."
    )
