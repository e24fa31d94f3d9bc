"""The pages of the proxy port itself."""

import base64
import hashlib
import html
import re

import pytest

from tcpnet.server.porch import PROGRAMS, Porch

BASE = "http://192.168.1.20:3128"
PROBE = "http://tcpnet.invalid"


def page(path: str, base: str = BASE, *, asks: bool = False) -> str:
    found = Porch(asks_for_names=asks, probe=PROBE).page(path, base)
    assert found is not None
    return found.body.decode()


def test_the_page_has_a_line_for_every_program() -> None:
    """With the address under which the reader called the hub."""
    text = page("/")

    assert all(f"<h2>{program.name}</h2>" in text for program in PROGRAMS)
    assert f"--index-url {BASE}/+/$INDEX --trusted-host 192.168.1.20 PACKAGE" in text
    assert f"--registry &quot;{BASE}/+/$(npm config get registry)&quot;" in text
    assert "{" not in re.sub(r"<(style|script)>.*?</\1>", "", text, flags=re.DOTALL)


def test_the_page_takes_nothing_from_elsewhere() -> None:
    """No resource at all: its policy allows the one script in it, by its digest."""
    found = Porch(asks_for_names=False, probe=PROBE).page("/", BASE)

    assert found is not None
    policy = dict(found.fields)["Content-Security-Policy"]
    (script,) = re.findall(r"<script>(.*?)</script>", found.body.decode(), re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert not re.search(r"\b(?:src|href)=", found.body.decode())
    assert "default-src 'none'" in policy
    assert f"script-src 'sha256-{digest}';" in policy
    assert f"connect-src 'self' {PROBE};" in policy


@pytest.mark.parametrize("asks", [True, False])
def test_who_must_log_in_is_told_so(asks: bool) -> None:
    """With the place where the key comes from."""
    assert ("9. Account" in page("/", asks=asks)) is asks


def test_the_lines_of_who_must_log_in_have_a_place_for_name_and_key() -> None:
    """Once a line; npm gets them beside the address, since its lists lead to others."""
    text = html.unescape(page("/", asks=True))

    keyed = BASE.replace("//", "//NAME:KEY@")
    assert f"curl -x {keyed} http" in text
    assert f"--index-url {keyed}/+/$INDEX --trusted-host 192.168.1.20" in text
    assert f'--registry "{BASE}/+/' in text
    assert "\"--//192.168.1.20:3128/:_auth=$(node -p \"Buffer.from('NAME:KEY')" in text
    assert f"(PAC): {BASE}/proxy.pac" in text
    assert "KEY" not in page("/")


def test_what_is_tried_is_fetched_through_the_hub() -> None:
    """From the machine that reads the page, behind /+/."""
    tried = re.findall(r'<form data-path="([^"]*)">.*?value="([^"]*)"', page("/"))

    trials = [program.trial for program in PROGRAMS if program.trial]
    assert tried == [(trial.path, trial.address) for trial in trials]
    assert "fetch(`/+/${address}`" in page("/")
    assert f'"{PROBE}/probe"' in page("/")


def test_what_a_site_answers_is_told_apart_from_what_the_hub_says() -> None:
    """The hub's sentence is shown; of a site's error page only its status."""
    script = page("/")

    assert "const plain = /^text[/]plain/.test(answer.headers.get('content-type') || '')" in script
    assert "const words = plain ? `: ${text.slice(0, 200)}` : ''" in script
    assert "does not work: status ${answer.status}${words}`" in script


def test_commands_in_a_question_are_set_apart() -> None:
    """Words and commands do not run into each other."""
    text = page("/")

    assert "which <code>npm config get registry</code> shows:" in text
    assert "`" not in text.partition("<script>")[0]


def test_the_page_is_legible_in_the_dark_and_in_a_narrow_window() -> None:
    """Colours are the browser's; a long line wraps instead of hiding its end."""
    text = page("/")

    assert ":root{color-scheme:light dark}" in text
    assert re.search(r"pre\{[^}]*white-space:pre-wrap", text)


@pytest.mark.parametrize("base", ["http://127.0.0.1:3128", BASE, "http://[fd00::1]:3128"])
def test_what_is_near_is_named_once(base: str) -> None:
    """Where the hub is called by an address of the reader's own machine, too."""
    near = re.findall(r"no_proxy=([^\s<]+)", page("/", base))

    names = near[0].split(",")
    assert len(names) == len(set(names))
    assert base.removeprefix("http://").rpartition(":")[0].strip("[]") in names
    assert "[" not in near[0]


def test_browsers_are_told_the_way() -> None:
    """The PAC file names this hub, and goes around it for what is near."""
    text = page("/proxy.pac", "http://[fd00::1]:3128")

    assert 'return "PROXY [fd00::1]:3128; DIRECT";' in text
    assert 'if (host == "[fd00::1]" ||' in text
    assert 'host == "localhost"' in text


def test_other_paths_are_nothing() -> None:
    """The port serves no files."""
    assert Porch(asks_for_names=False, probe=PROBE).page("/etc/passwd", BASE) is None
