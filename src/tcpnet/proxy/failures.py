"""Why a fetch came to nothing, in words for the person who asked for it."""

from enum import Enum

from tcpnet.errors import TcpnetError


class FetchError(TcpnetError):
    """A page could not be had; the text is one sentence that may be shown as it is."""


class ForbiddenAddress(FetchError):
    """The guard refuses the address or the port; `setting` names what the operator may change."""

    def __init__(
        self, host: str, address: str, port: int, why: str, setting: str | None = None
    ) -> None:
        subject = "it" if host == address else f"its address {address}"
        way_out = f" (the operator can allow it: {setting})" if setting else ""
        super().__init__(f"Fetching {host} is refused: {subject} {why}{way_out}.")
        self.host, self.address, self.port, self.setting = host, address, port, setting


class NameNotFound(FetchError):
    """No address is known under this name."""

    def __init__(self, host: str) -> None:
        super().__init__(f"The name {host} was not found.")
        self.host = host


class LookupFailed(FetchError):
    """The name service gave no answer, so nobody knows whether the name exists."""

    def __init__(self, host: str) -> None:
        super().__init__(f"The name {host} could not be looked up: the link may be down.")
        self.host = host


class ConnectionFailed(FetchError):
    """No connection came about, or it broke before the head of an answer had come."""

    def __init__(self, host: str, what: str) -> None:
        super().__init__(f"{host} {what}.")
        self.host = host


class TlsFailed(FetchError):
    """The site could not show that it is the one that was asked for."""

    def __init__(self, host: str, reason: str) -> None:
        super().__init__(f"No secure connection to {host}: {reason}.")
        self.host, self.reason = host, reason


class NoTls(TlsFailed):
    """The site answered with something else than TLS, plain HTTP most likely."""

    def __init__(self, host: str) -> None:
        super().__init__(host, "it does not speak TLS on this port")


class Stage(Enum):
    """How far a request has come; the value completes `… took longer than N seconds`."""

    QUEUE = "waiting for a free connection to {host}"
    LOOKUP = "looking up the name {host}"
    CONNECT = "connecting to {host}"
    UPLOAD = "sending the request to {host}"
    ANSWER = "waiting for {host} to answer"
    BODY = "waiting for more of the page from {host}"


class TimedOut(FetchError):
    """One stage of the request took longer than its patience allows."""

    def __init__(self, host: str, stage: Stage, seconds: float) -> None:
        what = stage.value.format(host=host)
        super().__init__(f"{what[:1].upper()}{what[1:]} took longer than {seconds:g} seconds.")
        self.host, self.stage, self.seconds = host, stage, seconds


class TooManyRedirects(FetchError):
    """The origin sent the request on once too often."""

    def __init__(self, limit: int) -> None:
        super().__init__(f"The site sent the request on more than {limit} times.")
        self.limit = limit


class BadRedirect(FetchError):
    """The origin sent the request on to something that cannot be fetched."""

    def __init__(self, location: str) -> None:
        super().__init__(f"The site sent the request on to {location!a}, which is no address.")
        self.location = location


class EndedEarly(FetchError):
    """The body broke off; `expected` (bytes) is None where the origin named no length."""

    def __init__(self, host: str, received: int, expected: int | None) -> None:
        size = f"{received} bytes" if expected is None else f"{received} of {expected} bytes"
        super().__init__(f"The page from {host} ended early: {size} came.")
        self.host, self.received, self.expected = host, received, expected


class MalformedAnswer(FetchError):
    """What the origin sent is not HTTP, or not HTTP that can be passed on safely."""

    def __init__(self, host: str, what: str = "an answer that is not valid HTTP") -> None:
        super().__init__(f"{host} sent {what}.")
        self.host = host


class HeadTooLarge(MalformedAnswer):
    """The head of the answer is over a limit."""

    def __init__(self, host: str) -> None:
        super().__init__(host, "more headers than are accepted")


class Unsendable(FetchError):
    """The request itself has a method, a field or a target that must not go on the wire."""
