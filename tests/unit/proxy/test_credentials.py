"""Credentials: what is made of a name and a password."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tcpnet.errors import UserError
from tcpnet.proxy.entry import Credentials, Fields
from tcpnet.proxy.origin.credentials import basic, challenges, check, digest

MUFASA = Credentials("Mufasa", "Circle of Life")
RFC_7616 = (
    'realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", '
    'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)
CNONCE = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"


def asking(*lines: str) -> Fields:
    return Fields(tuple(("WWW-Authenticate", line) for line in lines))


def parameters(answer: str | None) -> dict[str, str]:
    """Read an answer as a challenge, which has the same grammar."""
    assert answer is not None
    (challenge,) = challenges(asking(answer))
    return challenge.parameters


def test_basic_is_the_pair_in_base64() -> None:
    """Name and password in UTF-8, a colon between (RFC 7617 §2 and §2.1)."""
    assert basic(Credentials("Aladdin", "open sesame")) == "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="
    assert basic(Credentials("test", "123£")) == "Basic dGVzdDoxMjPCow=="


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_digest_answers_as_the_example_of_the_standard(algorithm: str, response: str) -> None:
    """RFC 7616 §3.9.1, word for word."""
    asked = asking(f"Digest {RFC_7616.format(algorithm)}")

    answer = digest(MUFASA, asked, "GET", "/dir/index.html", cnonce=CNONCE)

    assert parameters(answer) == {
        "username": "Mufasa",
        "realm": "http-auth@example.org",
        "uri": "/dir/index.html",
        "algorithm": algorithm,
        "nonce": "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
        "nc": "00000001",
        "cnonce": CNONCE,
        "qop": "auth",
        "response": response,
        "opaque": "FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
    }


def test_the_first_challenge_that_is_understood_is_answered() -> None:
    """The origin names its favourite first; unknown algorithms are passed over (§3.7)."""
    asked = asking(
        'Negotiate, Digest realm="a", nonce="n", algorithm=SHA-3',
        'Basic realm="b", Digest realm="c", nonce="n", algorithm=SHA-256',
        'Digest realm="d", nonce="n"',
    )

    assert parameters(digest(MUFASA, asked, "GET", "/"))["realm"] == "c"


@pytest.mark.parametrize(
    "line",
    [
        'Basic realm="x"',
        'Bearer realm="x", nonce="n"',
        'Digest realm="x"',
        'Digest nonce="n"',
        'Digest realm="x", nonce="n", algorithm=MD4',
        'Digest realm="x", nonce="n", qop="other"',
        "Digest",
        "",
        "=,=,",
    ],
)
def test_what_is_no_digest_challenge_is_not_answered(line: str) -> None:
    """The 401 is then the answer."""
    assert digest(MUFASA, asking(line), "GET", "/") is None


def test_a_name_may_be_hidden() -> None:
    """With userhash the origin is sent a hash of the name (§3.4.4; the name is that of §3.9.2)."""
    asked = asking(
        'Digest realm="api@example.org", qop="auth", algorithm=SHA-512-256, '
        'nonce="n", charset=UTF-8, userhash=true'
    )

    answer = parameters(digest(Credentials("Jäsøn Doe", "Secret"), asked, "GET", "/doe.json"))

    assert answer["username"] == "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"
    assert answer["userhash"] == "true"


def test_a_name_beyond_ascii_is_sent_in_its_extended_form() -> None:
    """`username*` holds UTF-8 and percent signs (§3.4, RFC 8187)."""
    answer = digest(Credentials("Jäsøn", "x"), asking('Digest realm="r", nonce="n"'), "GET", "/")

    assert parameters(answer)["username*"] == "UTF-8''J%C3%A4s%C3%B8n"


def test_the_body_is_part_of_the_proof_where_only_that_will_do() -> None:
    """qop=auth-int covers the body (§3.4.3), so that another body has another response."""
    asked = asking('Digest realm="r", nonce="n", qop="auth-int"')

    responses = {
        parameters(digest(MUFASA, asked, "POST", "/", body, cnonce="c"))["response"]
        for body in (b"", b"a=1", b"a=2")
    }

    assert len(responses) == 3


def test_a_session_key_is_made_of_both_nonces() -> None:
    """The -sess algorithms hash the nonces into the secret (§3.4.2)."""
    one = asking('Digest realm="r", nonce="n", algorithm=MD5-sess, qop="auth"')
    plain = asking('Digest realm="r", nonce="n", algorithm=MD5, qop="auth"')

    first, second = (parameters(digest(MUFASA, it, "GET", "/", cnonce="c")) for it in (one, plain))

    assert first["algorithm"] == "MD5-sess"
    assert first["response"] != second["response"]


def test_an_old_challenge_without_qop_is_answered_without_one() -> None:
    """RFC 2069 servers know neither cnonce nor nc."""
    answer = parameters(digest(MUFASA, asking('Digest realm="r", nonce="n"'), "GET", "/"))

    assert not {"qop", "nc", "cnonce"} & answer.keys()


def test_quotes_in_a_challenge_come_back_as_they_were() -> None:
    """A quoted string is unquoted for the hash and quoted again for the answer."""
    asked = asking(r'Digest realm="a \"b\" \\c, d=1", nonce="n"')

    assert parameters(digest(MUFASA, asked, "GET", "/"))["realm"] == r'a "b" \c, d=1'


@given(st.lists(st.text(st.characters(max_codepoint=255), max_size=60), max_size=4))
def test_no_challenge_brings_a_line_break_into_the_answer(lines: list[str]) -> None:
    """Whatever an origin sends, it cannot write a field of its own into the next request."""
    asked = asking(*(line.replace("\n", "").replace("\r", "") for line in lines))

    answer = digest(
        MUFASA, asked.added(("WWW-Authenticate", 'Digest realm="r", nonce="n"')), "GET", "/"
    )

    assert answer is not None
    assert "\n" not in answer


@pytest.mark.parametrize(
    ("username", "password"), [("a:b", "c"), ("a\r\nX: 1", "c"), ("a", "c\n"), ("a\x00", "c")]
)
def test_names_that_could_mean_something_else_are_refused(username: str, password: str) -> None:
    """A colon would move the border between name and password; a line break the field's."""
    with pytest.raises(UserError):
        check(Credentials(username, password))


def test_ordinary_names_pass() -> None:
    """A password may hold colons and letters of any script."""
    check(Credentials("ann@example.com", "p:ä ss"))


def test_a_password_is_not_shown_by_accident() -> None:
    """What is logged of a request must not hold it."""
    assert "Circle" not in repr(MUFASA)
