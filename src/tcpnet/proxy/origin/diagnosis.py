"""What an exception of aiohttp, TLS or the system means, in words."""

import errno
import socket
import ssl
from collections.abc import Iterator
from typing import Final

import aiohttp
from aiohttp.http_exceptions import (
    ContentLengthError,
    HttpProcessingError,
    LineTooLong,
    TransferEncodingError,
)

from tcpnet.proxy.failures import (
    ConnectionFailed,
    EndedEarly,
    FetchError,
    ForbiddenAddress,
    HeadTooLarge,
    LookupFailed,
    MalformedAnswer,
    NameNotFound,
    NoTls,
    TlsFailed,
    Unsendable,
)
from tcpnet.proxy.origin.guard import Forbidden

# OpenSSL's X509_V_ERR_… numbers, stable since 1.0.2; Python has no names for them.
_CERTIFICATE: Final = {
    9: "its certificate is not valid yet (is the clock of this machine right?)",
    10: "its certificate has expired",
    18: "its certificate is self-signed",
    19: "its certificate is signed by nobody known here",
    20: "its certificate is signed by nobody known here",
    21: "its certificate is signed by nobody known here",
    23: "its certificate has been revoked",
    62: "its certificate is for another name",
    64: "its certificate is for another address",
}
_NO_TLS: Final = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "RECORD_LAYER_FAILURE"}
_TLS: Final = {
    "UNSUPPORTED_PROTOCOL": "it speaks only TLS versions that are no longer safe",
    "TLSV1_ALERT_PROTOCOL_VERSION": "it speaks only TLS versions that are no longer safe",
}
_NO_NAME: Final = {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}
_DIAL: Final = {
    errno.ECONNREFUSED: "refused the connection",
    errno.ETIMEDOUT: "did not answer",
    errno.ENETUNREACH: "cannot be reached: the link may be down",
    errno.EHOSTUNREACH: "cannot be reached: the link may be down",
}
# asyncio on Windows gives the system's own numbers, for which Python knows no errno.
_WINDOWS: Final = {
    121: errno.ETIMEDOUT,
    1225: errno.ECONNREFUSED,
    1231: errno.ENETUNREACH,
    1232: errno.EHOSTUNREACH,
}


def of_head(error: Exception, host: str) -> FetchError:
    """Return why no answer came, or none that can be used."""
    match error:
        case aiohttp.ClientConnectorCertificateError():
            return TlsFailed(host, _certificate(error.certificate_error))
        case aiohttp.ClientConnectorSSLError():
            reason = str(getattr(error.os_error, "reason", ""))
            if reason in _NO_TLS:
                return NoTls(host)
            return TlsFailed(host, _TLS.get(reason, "the two ends could not agree"))
        case aiohttp.ClientConnectorError():
            return of_dial(error.os_error, host)
        case HttpProcessingError():
            return HeadTooLarge(host) if _is_too_large(error) else MalformedAnswer(host)
        case aiohttp.ServerDisconnectedError():
            return ConnectionFailed(host, "closed the connection without an answer")
        case aiohttp.InvalidURL():
            return Unsendable(f"{host} is not the name or the address of a site.")
        case _:
            return ConnectionFailed(host, "broke the connection off before it had answered")


def of_body(error: Exception, host: str, received: int, expected: int | None) -> FetchError:
    """Return why the rest of a body did not come."""
    framing = (ContentLengthError, TransferEncodingError)
    if isinstance(error, aiohttp.ClientPayloadError) and not isinstance(error.__cause__, framing):
        return MalformedAnswer(host, "a page that is not valid HTTP")
    return EndedEarly(host, received, expected)


def of_dial(error: OSError, host: str) -> FetchError:
    """Return why no connection came about."""
    match error:
        case Forbidden():
            return ForbiddenAddress(host, error.address, error.port, error.why, error.setting)
        case socket.gaierror():
            return NameNotFound(host) if error.errno in _NO_NAME else LookupFailed(host)
        case ConnectionResetError():
            return ConnectionFailed(host, "broke the connection off")
        case _:
            number = _WINDOWS.get(getattr(error, "winerror", None) or 0, error.errno or 0)
            return ConnectionFailed(host, _DIAL.get(number, "cannot be reached"))


def _certificate(error: Exception) -> str:
    if not isinstance(error, ssl.SSLCertVerificationError):
        return "its certificate cannot be trusted"
    return _CERTIFICATE.get(error.verify_code, f"its certificate fails: {error.verify_message}")


def _is_too_large(error: BaseException) -> bool:
    # aiohttp has a class for a line that is too long, none for too many of them.
    return any(
        isinstance(cause, LineTooLong)
        or getattr(cause, "message", "").startswith("Too many headers")
        for cause in _causes(error)
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__
