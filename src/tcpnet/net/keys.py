"""The hub's key: made at the first start, shown as a fingerprint, used for TLS."""

import base64
import hashlib
import ssl
import subprocess
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from tcpnet import privatefile
from tcpnet.errors import ConfigError

NAME: Final = "tls.pem"
"""The key and its certificate, in the data directory."""

GROUPS: Final = 7
"""Of four letters and digits, five bits each: 140 bits, out of reach for whoever wants the same."""

# A machine without a clock chip may believe that it is any year: no date makes the key invalid.
_FROM: Final = datetime(1970, 1, 1, tzinfo=UTC)
_UNTIL: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)  # "no end" by RFC 5280, 4.1.2.5

# Seconds: a Raspberry Pi under load takes a tenth of them.
_PATIENCE: Final = 30.0

_WANTED: Final = "wanted are a certificate and its key, both in PEM"

_SEQUENCE: Final = 0x30
_VERSION: Final = 0xA0


@dataclass(frozen=True, slots=True)
class Identity:
    """What a hub proves itself with."""

    context: ssl.SSLContext
    fingerprint: str


def own(folder: Path) -> Identity:
    """The hub's own key, made in this folder if there is none. Raises ConfigError."""
    path = folder / NAME
    try:
        if not path.exists():
            privatefile.write(path, _made_apart() or _new_key())
    except OSError as error:
        raise ConfigError(f'the key "{path}" cannot be written: {error.strerror}') from error
    return given(path)


def passing() -> Identity:
    """A key that is kept nowhere. Raises ConfigError."""
    with TemporaryDirectory(prefix="tcpnet-") as folder:
        return own(Path(folder))


def given(certificate: Path, key: Path | None = None) -> Identity:
    """The key and the certificate chain of these PEM files, or of one. Raises ConfigError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION
    context.num_tickets = 0  # nobody comes back often enough for them to be worth their memory
    files = f'"{certificate}"' if key is None else f'"{certificate}" and "{key}"'
    try:
        # Without a password: OpenSSL would ask the terminal for one.
        context.load_cert_chain(certificate, key, password="")
        # What stands around the blocks is for people, in whatever letters they wrote it.
        first = certificate.read_text("ascii", "replace").split(ssl.PEM_FOOTER)[0]
        der = ssl.PEM_cert_to_DER_cert(first[first.index(ssl.PEM_HEADER) :] + ssl.PEM_FOOTER)
    except ssl.SSLError as error:
        raise ConfigError(f"{files}: {_why_not(error, key or certificate)}") from error
    except OSError as error:
        raise ConfigError(f"{files}: {error.strerror}") from error
    except ValueError as error:  # OpenSSL also takes blocks with other headings
        raise ConfigError(f"{files}: {_WANTED}") from error
    return Identity(context, fingerprint(der))


def _why_not(error: ssl.SSLError, key: Path) -> str:
    match error.reason:
        case "KEY_VALUES_MISMATCH" | "KEY_TYPE_MISMATCH" | "NO_CERTIFICATE_ASSIGNED":
            return "the key does not belong to the certificate"
        case "EE_KEY_TOO_SMALL" | "CA_KEY_TOO_SMALL":
            return "the key is too small to be safe"
    if b"ENCRYPTED" in key.read_bytes():
        return "the key is under a password, which nobody could type at a start"
    return _WANTED


def trusting() -> ssl.SSLContext:
    """A client's settings: any certificate will do, as its key is known by its fingerprint.

    There is no authority on a LAN that could vouch for a hub.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def fingerprint(certificate: bytes) -> str:
    """What people compare: `k7qd-3mzp-w5ta-hx2c-n6re-bj4y-q2ds`.

    The first 140 bits of the SHA-256 of the public key (SubjectPublicKeyInfo, as in RFC 7469),
    in the letters and digits of RFC 4648's base 32. A certificate renewed for the same key has
    the same one. Takes DER; raises ValueError where that holds no certificate.
    """
    digest = hashlib.sha256(_public_key(certificate)).digest()
    letters = base64.b32encode(digest).decode("ascii").lower()
    return "-".join(letters[4 * group : 4 * group + 4] for group in range(GROUPS))


def _public_key(certificate: bytes) -> bytes:
    """The SubjectPublicKeyInfo of a certificate, by the fields before it (RFC 5280, 4.1).

    The library that could tell costs the client 60 ms at each start.
    """
    start, _ = _inside(certificate, 0, _SEQUENCE)
    at, _ = _inside(certificate, start, _SEQUENCE)
    if certificate[at : at + 1] == bytes([_VERSION]):
        _, at = _inside(certificate, at, _VERSION)
    for _field in ("serial number", "signature", "issuer", "validity", "subject"):
        _, at = _inside(certificate, at)
    _, end = _inside(certificate, at, _SEQUENCE)
    return certificate[at:end]


def _inside(der: bytes, at: int, tag: int | None = None) -> tuple[int, int]:
    """Where the content of the element at `at` begins and ends. Raises ValueError."""
    head = der[at : at + 2]
    if len(head) < 2 or tag not in (None, head[0]):
        raise ValueError("not a certificate")
    begin, length = at + 2, head[1]
    if length & 0x80:  # so many bytes of length follow (X.690, 8.1.3.5)
        begin += length & 0x7F
        length = int.from_bytes(der[at + 2 : begin], "big")
    if begin + length > len(der):
        raise ValueError("not a certificate")
    return begin, begin + length


def _made_apart() -> bytes:
    """A fresh key from a short process, b"" where there can be none.

    What it loads would stay in this one for good: 11 MiB.
    """
    if getattr(sys, "frozen", False) or not sys.executable or "cryptography.x509" in sys.modules:
        return b""
    command = [sys.executable, "-P", "-m", __name__]
    try:
        made = subprocess.run(
            command, stdin=subprocess.DEVNULL, capture_output=True, timeout=_PATIENCE, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return b""  # made here, at that price
    return made.stdout


def _new_key() -> bytes:
    """A fresh key (EC P-256) with a certificate that it signed itself, as PEM."""
    # Here, not above: slow to load, and needed once in the life of a hub.
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "tcpnet hub")])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(_FROM)
        .not_valid_after(_UNTIL)
        .sign(key, hashes.SHA256())
    )
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    ) + certificate.public_bytes(serialization.Encoding.PEM)


if __name__ == "__main__":
    sys.stdout.buffer.write(_new_key())
