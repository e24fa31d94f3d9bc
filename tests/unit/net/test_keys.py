"""The hub's key: made once, kept private, known by its fingerprint."""

import base64
import hashlib
import re
import shutil
import ssl
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.errors import ConfigError
from tcpnet.net import keys

FORM = re.compile(r"([a-z2-7]{4}-){6}[a-z2-7]{4}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data directory with a key."""
    made = tmp_path_factory.mktemp("data")
    keys.own(made)
    return made


def certificate(folder: Path) -> x509.Certificate:
    """The certificate in a data directory."""
    return x509.load_pem_x509_certificate((folder / keys.NAME).read_bytes())


def signed(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey, name: str = "hub"
) -> x509.Certificate:
    """Some certificate for a key."""
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime(2020, 1, 1, tzinfo=UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), 1, now, now)
    return builder.sign(key, hashes.SHA256())


def der(made: x509.Certificate) -> bytes:
    """A certificate as TLS carries it."""
    return made.public_bytes(serialization.Encoding.DER)


def test_the_key_is_made_once(folder: Path) -> None:
    """A hub that starts again is the same hub."""
    before = (folder / keys.NAME).read_bytes()

    first, second = keys.own(folder), keys.own(folder)

    assert first.fingerprint == second.fingerprint
    assert (folder / keys.NAME).read_bytes() == before


def test_what_made_the_key_does_not_stay_in_memory(tmp_path: Path) -> None:
    """A hub that just made its key has loaded no more than one that found it."""
    program = (
        "import pathlib, sys\nfrom tcpnet.net import keys\n"
        "print(keys.own(pathlib.Path(sys.argv[1])).fingerprint)\n"
        "print('cryptography' in sys.modules)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]

    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()

    assert said == [keys.own(tmp_path).fingerprint, "False"]


def test_a_key_is_made_where_no_process_can_be_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It only costs more memory."""
    monkeypatch.delitem(sys.modules, "cryptography.x509")
    monkeypatch.setattr(sys, "executable", str(tmp_path / "missing"))

    assert FORM.fullmatch(keys.own(tmp_path).fingerprint)


def test_every_hub_has_its_own_key(folder: Path) -> None:
    """Also one that keeps nothing."""
    assert len({keys.own(folder).fingerprint, *(keys.passing().fingerprint for _ in "12")}) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other rights")
def test_nobody_else_may_read_the_key(folder: Path) -> None:
    """And no copy lies beside it."""
    assert stat.S_IMODE((folder / keys.NAME).stat().st_mode) == 0o600
    assert [path.name for path in folder.iterdir()] == [keys.NAME]


def test_the_certificate_is_valid_whatever_the_clock_says(folder: Path) -> None:
    """A machine without a clock chip wakes up in 1970."""
    made = certificate(folder)

    assert made.not_valid_before_utc == datetime(1970, 1, 1, tzinfo=UTC)
    assert made.not_valid_after_utc.year == 9999


def test_the_key_is_an_elliptic_one(folder: Path) -> None:
    """P-256: every TLS library takes it, and a handshake costs half a millisecond."""
    key = certificate(folder).public_key()

    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"


def test_a_fingerprint_is_short_and_in_groups(folder: Path) -> None:
    """So that two people can compare it aloud."""
    assert FORM.fullmatch(keys.own(folder).fingerprint)


def test_a_renewed_certificate_has_the_same_fingerprint() -> None:
    """It belongs to the key."""
    key, other = (ec.generate_private_key(ec.SECP256R1()) for _ in "12")

    same = {keys.fingerprint(der(signed(key, name))) for name in ("hub", "another name")}

    assert len(same) == 1
    assert keys.fingerprint(der(signed(other))) not in same


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(ec.generate_private_key(ec.SECP384R1()), id="P-384"),
        pytest.param(rsa.generate_private_key(public_exponent=65537, key_size=2048), id="RSA"),
    ],
)
def test_the_public_key_is_found_in_certificates_of_others(
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
) -> None:
    """Of other kinds and sizes; the fingerprint is its SHA-256 in base 32, cut at 140 bits."""
    found = key.public_key().public_bytes(
        serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
    )

    letters = base64.b32encode(hashlib.sha256(found).digest()).decode().lower()
    assert keys.fingerprint(der(signed(key))).replace("-", "") == letters[:28]


@given(st.binary(max_size=300))
def test_what_is_no_certificate_has_no_fingerprint(data: bytes) -> None:
    """Whatever the bytes: one kind of error."""
    with pytest.raises(ValueError, match="not a certificate"):
        keys.fingerprint(data)


@given(st.data())
def test_a_cut_certificate_has_no_fingerprint(folder: Path, data: st.DataObject) -> None:
    """Wherever it ends."""
    whole = der(certificate(folder))
    cut = data.draw(st.integers(0, len(whole) - 1))

    with pytest.raises(ValueError, match="not a certificate"):
        keys.fingerprint(whole[:cut])


def test_a_certificate_of_ones_own_may_lie_beside_its_key(folder: Path, tmp_path: Path) -> None:
    """Both files are read, and the first certificate of a chain is the hub's."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = signed(key)
    chain = [own.public_bytes(serialization.Encoding.PEM), (folder / keys.NAME).read_bytes()]
    chain[1] = chain[1][chain[1].index(b"-----BEGIN CERTIFICATE") :]
    (tmp_path / "chain.pem").write_bytes(b"".join(chain))
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )

    identity = keys.given(tmp_path / "chain.pem", tmp_path / "key.pem")

    assert identity.fingerprint == keys.fingerprint(der(own))


def test_a_damaged_key_stops_the_start(folder: Path, tmp_path: Path) -> None:
    """A new one in its place would be refused by everybody who knows the hub."""
    shutil.copy(folder / keys.NAME, tmp_path)
    (tmp_path / keys.NAME).write_text("scratched", "ascii")

    with pytest.raises(ConfigError, match=r"tls\.pem"):
        keys.own(tmp_path)


def test_a_key_that_fits_another_certificate_is_refused(folder: Path, tmp_path: Path) -> None:
    """With both files by name."""
    keys.own(tmp_path)

    with pytest.raises(ConfigError, match=r'tls\.pem" and ".*does not belong to the certificate'):
        keys.given(folder / keys.NAME, tmp_path / keys.NAME)


def test_a_key_of_another_kind_is_refused_in_words(folder: Path, tmp_path: Path) -> None:
    """OpenSSL says of it that no certificate was assigned."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (tmp_path / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )

    with pytest.raises(ConfigError, match="does not belong to the certificate"):
        keys.given(folder / keys.NAME, tmp_path / "key.pem")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """It was given by the operator."""
    with pytest.raises(ConfigError, match=r"hub\.pem"):
        keys.given(tmp_path / "hub.pem")


def test_a_key_under_a_password_is_refused_without_asking(tmp_path: Path) -> None:
    """OpenSSL would stop at the terminal and wait."""
    key = ec.generate_private_key(ec.SECP256R1())
    (tmp_path / "hub.pem").write_bytes(
        signed(key).public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"sesame"),
        )
    )

    with pytest.raises(ConfigError, match=r"hub\.pem.*under a password"):
        keys.given(tmp_path / "hub.pem")


def test_words_in_any_letters_may_stand_beside_a_certificate(folder: Path, tmp_path: Path) -> None:
    """Whoever renews it writes down when and for whom."""
    pem = (folder / keys.NAME).read_text("ascii")
    (tmp_path / "hub.pem").write_text(f"# für Zoë, до 2031\n{pem}", "utf-8")

    assert keys.given(tmp_path / "hub.pem").fingerprint == keys.own(folder).fingerprint


def test_a_block_under_another_heading_is_refused_in_words(folder: Path, tmp_path: Path) -> None:
    """OpenSSL takes more headings than there are ways to read one."""
    pem = (folder / keys.NAME).read_text("ascii")
    (tmp_path / "hub.pem").write_text(pem.replace("N CERTIFICATE", "N X509 CERTIFICATE"), "ascii")

    with pytest.raises(ConfigError, match="both in PEM"):
        keys.given(tmp_path / "hub.pem")


def test_a_folder_that_cannot_be_had_is_named(tmp_path: Path) -> None:
    """In words."""
    (tmp_path / "file").write_text("", "ascii")

    with pytest.raises(ConfigError, match="cannot be written"):
        keys.own(tmp_path / "file" / "data")


def test_both_sides_take_nothing_below_tls_1_2() -> None:
    """Whatever OpenSSL was built with."""
    for context in (keys.passing().context, keys.trusting()):
        assert context.minimum_version == ssl.TLSVersion.TLSv1_2
