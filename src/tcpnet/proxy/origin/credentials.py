"""What proves a name and password to an origin: Basic (RFC 7617), Digest (RFC 7616)."""

import hashlib
import re
import secrets
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from tcpnet.errors import UserError
from tcpnet.proxy.entry import Credentials, Fields

# A challenge's next part: `name=value`, or a scheme, which may be followed by a token68.
_PART: Final = re.compile(
    r"""[\s,]*(?:
        (?P<name>[-!#$%&'*+.^_`|~\w]+)[ \t]*=[ \t]*
        (?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<token>[-!#$%&'*+.^_`|~\w]+))
        |(?P<scheme>[-!#$%&'*+.^_`|~\w]+)(?:[ \t]+(?P<token68>[-.~+/\w]+=*)(?=[ \t]*(?:,|$)))?
    )""",
    re.VERBOSE | re.ASCII,
)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One way in that a 401 offers: a scheme and its parameters, both in lower case."""

    scheme: str
    parameters: dict[str, str]


def challenges(fields: Fields) -> list[Challenge]:
    """List the challenges of all WWW-Authenticate lines, in order (RFC 9110 §11.6.1)."""
    found: list[Challenge] = []
    for line in fields.values("www-authenticate"):
        of_line: list[Challenge] = []
        position = 0
        while match := _PART.match(line, position):
            position = match.end()
            if scheme := match["scheme"]:
                of_line.append(Challenge(scheme.lower(), {}))
            elif of_line:
                of_line[-1].parameters.setdefault(match["name"].lower(), _value(match))
        found += of_line
    return found


def _value(match: re.Match[str]) -> str:
    quoted: str | None = match["quoted"]
    return match["token"] if quoted is None else re.sub(r"\\(.)", r"\1", quoted)


def check(credentials: Credentials) -> None:
    """Raise UserError for a name or password that no origin could be given."""
    if _CONTROL.search(credentials.username + credentials.password):
        raise UserError("A user name or password has no control characters.")
    if ":" in credentials.username:
        raise UserError("A user name has no colon in it.")


def basic(credentials: Credentials) -> str:
    """Return the Authorization value that shows name and password to whoever reads along."""
    pair = f"{credentials.username}:{credentials.password}"
    return f"Basic {b64encode(pair.encode()).decode()}"


def digest(
    credentials: Credentials,
    fields: Fields,
    method: str,
    target: str,
    body: bytes = b"",
    cnonce: str | None = None,
) -> str | None:
    """Answer the first Digest challenge that can be; None without one (RFC 7616 §3.4).

    `target` is the request target as it goes on the wire, `fields` those of the 401.
    """
    for challenge in challenges(fields):
        answer = _Answer.to(challenge, cnonce or secrets.token_urlsafe(24))
        if answer is not None:
            return answer.value(credentials, method, target, body)
    return None


Hash = Callable[[bytes], str]


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a challenge asks for, understood."""

    asked: dict[str, str]
    hash: Hash
    qop: str | None
    cnonce: str

    @classmethod
    def to(cls, challenge: Challenge, cnonce: str) -> "_Answer | None":
        asked = challenge.parameters
        algorithm = asked.get("algorithm", "MD5").lower().removesuffix("-sess")
        if challenge.scheme != "digest" or not {"realm", "nonce"} <= asked.keys():
            return None
        if algorithm not in _HASHES:
            return None
        offered = [word.strip().lower() for word in asked.get("qop", "").split(",")]
        qop = next((word for word in ("auth", "auth-int", "") if word in offered), None)
        if qop is None:
            return None
        return cls(asked, _HASHES[algorithm], qop or None, cnonce)

    def value(self, credentials: Credentials, method: str, target: str, body: bytes) -> str:
        """Return the whole Authorization value."""
        response = self._response(credentials, method, target, body)
        parts = [
            self._username(credentials),
            f"realm={_quoted(self.asked['realm'])}",
            f"nonce={_quoted(self.asked['nonce'])}",
            f"uri={_quoted(target)}",
            f'response="{response}"',
        ]
        if "algorithm" in self.asked:
            parts.append(f"algorithm={self.asked['algorithm']}")
        if "opaque" in self.asked:
            parts.append(f"opaque={_quoted(self.asked['opaque'])}")
        if self.qop:
            parts.append(f'qop={self.qop}, nc=00000001, cnonce="{self.cnonce}"')
        if self._hides_username:
            parts.append("userhash=true")
        return "Digest " + ", ".join(parts)

    @property
    def _hides_username(self) -> bool:
        return self.asked.get("userhash", "").lower() == "true"

    def _response(self, credentials: Credentials, method: str, target: str, body: bytes) -> str:
        realm, nonce = (_raw(self.asked[name]) for name in ("realm", "nonce"))
        name, password = (text.encode() for text in (credentials.username, credentials.password))
        secret = self.hash(b":".join((name, realm, password)))
        if self.asked.get("algorithm", "").lower().endswith("-sess"):
            secret = self.hash(b":".join((secret.encode(), nonce, self.cnonce.encode())))
        request = f"{method}:{target}"
        if self.qop == "auth-int":
            request += f":{self.hash(body)}"
        proof = [secret.encode(), nonce]
        if self.qop:
            proof += [b"00000001", self.cnonce.encode(), self.qop.encode()]
        return self.hash(b":".join((*proof, self.hash(request.encode()).encode())))

    def _username(self, credentials: Credentials) -> str:
        name = credentials.username
        if self._hides_username:
            return f'username="{self.hash(name.encode() + b":" + _raw(self.asked["realm"]))}"'
        if name.isascii():
            return f"username={_quoted(name)}"
        return f"username*=UTF-8''{quote(name, safe='')}"


def _hash(name: str) -> Hash:
    return lambda data: hashlib.new(name, data, usedforsecurity=False).hexdigest()


_HASHES: Final = {
    label: _hash(name)
    for label, name in (("md5", "md5"), ("sha-256", "sha256"), ("sha-512-256", "sha512_256"))
    if name in hashlib.algorithms_available
}


def _quoted(text: str) -> str:
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'


def _raw(text: str) -> bytes:
    return text.encode("latin-1")
