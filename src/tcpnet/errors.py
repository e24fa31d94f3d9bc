"""Every error raised on purpose: one kind for each reaction."""


class TcpnetError(Exception):
    """Base of all errors raised on purpose; `bound` names the setting that was reached, if any."""

    def __init__(self, words: str = "", *, bound: str = "") -> None:
        super().__init__(words)
        self.bound = bound


class ConfigError(TcpnetError):
    """A setting, a flag or a folder is wrong; ends a command with status 2."""


class ProtocolError(TcpnetError):
    """The peer broke the wire; ends the connection with the text as its reason."""


class ConnectionLost(TcpnetError):
    """The peer is gone; ends a session without noise."""


class SlowConsumer(ConnectionLost):
    """The peer took too little for too long and was cut off."""

    def __init__(self, unsent: int, bound: str = "") -> None:
        super().__init__(f"reads too slowly: {unsent} bytes were waiting", bound=bound)
        self.unsent = unsent


class UserError(TcpnetError):
    """The person can mend it: shown as it is, and the dialogue goes on."""


class BrokerError(TcpnetError):
    """Disk or engine failed: nothing was acknowledged, the person is told so."""
