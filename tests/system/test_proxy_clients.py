"""Programs that people have, through the proxy port of a running hub."""

import asyncio
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import urllib.request
import zipfile
from collections.abc import AsyncGenerator, Callable
from pathlib import Path

import aiohttp
import httpx
import pytest
import requests

from tcpnet.server.porch import PROGRAMS, filled
from tests.hub import Town, key_of, town
from tests.origins import Exchange, Origin, origin
from tests.unit.proxy.ports import said

PAGE = said("200 OK", "Cache-Control: max-age=600", "Content-Type: text/plain", body=b"a page\n")
LIMIT = 50
"""Seconds for one program."""


@pytest.fixture
async def site() -> AsyncGenerator[Origin, None]:
    async def answer(exchange: Exchange) -> None:
        await exchange.say(PAGE)

    async with origin(answer) as made:
        yield made


@pytest.fixture
async def hub(site: Origin) -> AsyncGenerator[Town, None]:
    proxy = {"port": 0, "allow": ("127.0.0.0/8",), "connect_ports": (site.port,)}
    async with town(proxy=proxy) as made:
        yield made


def address(hub: Town) -> str:
    return f"http://127.0.0.1:{hub.hub.proxy_addresses[0][1]}"


def program(name: str) -> str:
    """The path of a program; skips the test where this machine has none."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


async def run(*command: str, cwd: Path | None = None) -> str:
    """Run a program that reads no settings of whoever runs the tests; what it printed."""
    kept = {k: v for k, v in os.environ.items() if not k.lower().endswith("_proxy")}
    environment = kept | {"GIT_CONFIG_GLOBAL": os.devnull, "PIP_CONFIG_FILE": os.devnull}
    done = await asyncio.to_thread(
        subprocess.run,
        command,
        capture_output=True,
        text=True,
        timeout=LIMIT,
        check=False,
        cwd=cwd,
        env=environment,
    )
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


def with_urllib(url: str, proxy: str) -> str:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({"http": proxy}))
    with opener.open(url, timeout=LIMIT) as answer:
        text: str = answer.read().decode()
        return text


def with_requests(url: str, proxy: str) -> str:
    with requests.Session() as session:
        session.trust_env = False
        return session.get(url, proxies={"http": proxy}, timeout=LIMIT).text


def with_httpx(url: str, proxy: str) -> str:
    with httpx.Client(proxy=proxy, trust_env=False, timeout=LIMIT) as client:
        return client.get(url).text


@pytest.mark.parametrize("fetched", [with_urllib, with_requests, with_httpx])
async def test_libraries_of_python_use_the_cache(
    hub: Town, site: Origin, fetched: Callable[[str, str], str]
) -> None:
    """As they set a proxy; the second time the site is not asked."""
    texts = [await asyncio.to_thread(fetched, site.url("/a"), address(hub)) for _ in range(2)]

    assert texts == ["a page\n"] * 2
    assert len(site.heads) == 1


async def test_aiohttp_uses_the_cache(hub: Town, site: Origin) -> None:
    """The client that the hub itself is built on."""
    async with aiohttp.ClientSession() as session:
        for _ in range(2):
            async with session.get(site.url("/a"), proxy=address(hub)) as answer:
                assert await answer.text() == "a page\n"

    assert len(site.heads) == 1


async def test_curl_uses_the_cache(hub: Town, site: Origin) -> None:
    """With -x, behind /+/, and uncached through a tunnel (-p)."""
    curl = (program("curl"), "--silent", "--show-error", "--fail")

    first = await run(*curl, "-x", address(hub), site.url("/a"))
    second = await run(*curl, "-x", address(hub), site.url("/a"))
    mapped = await run(*curl, f"{address(hub)}/+/{site.url('/a')}")
    heads = await run(*curl, "-I", "-x", address(hub), site.url("/a"))
    asked = len(site.heads)
    tunnelled = await run(*curl, "-p", "-x", address(hub), site.url("/a"))

    assert {first, second, mapped, tunnelled} == {"a page\n"}
    assert "tcpnet; hit" in heads
    assert asked == 1
    assert len(site.heads) == 2


async def test_curl_sends_what_it_has(hub: Town, tmp_path: Path) -> None:
    """A large body, for which it waits to be invited."""
    sent: list[int] = []

    async def take(exchange: Exchange) -> None:
        sent.append(len(await exchange.reader.readexactly(3_000_000)))
        await exchange.say(said("201 Created", body=b"thanks"))

    large = tmp_path / "large"
    large.write_bytes(bytes(3_000_000))
    async with origin(take) as site:
        curl = (program("curl"), "--silent", "--show-error", "--fail", "-x", address(hub))
        answer = await run(*curl, "-T", str(large), site.url("/large"))

    assert (answer, sent) == ("thanks", [3_000_000])


async def test_pip_installs_a_second_time_without_the_index(hub: Town, tmp_path: Path) -> None:
    """Index and wheel come from the cache, though the wheel lies at another site."""
    wheel = made_wheel(tmp_path)
    fresh = ("Cache-Control: max-age=600",)

    async def files(exchange: Exchange) -> None:
        await exchange.say(said("200 OK", *fresh, body=wheel.read_bytes()))

    async with origin(files) as store:
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        link = f'<a href="{store.url(f"/{wheel.name}", "localhost")}#sha256={digest}">x</a>'

        async def index(exchange: Exchange) -> None:
            kind = "Content-Type: text/html"
            await exchange.say(said("200 OK", kind, *fresh, body=link.encode()))

        async with origin(index) as listing:
            options = ("--index-url", f"{address(hub)}/+/{listing.url('/simple/')}", "--no-deps")
            await install(tmp_path / "first", *options)

    await install(tmp_path / "second", *options)

    assert (tmp_path / "second/tcpnet_probe.py").read_text() == "ANSWER = 42\n"


async def install(target: Path, *options: str) -> None:
    """Install the probe, with nothing from pip's own cache."""
    quiet = ("--no-cache-dir", "--disable-pip-version-check", "--quiet", "--retries", "0")
    pip = (sys.executable, "-m", "pip", "--isolated", "install", *quiet)
    await run(*pip, "--target", str(target), *options, "tcpnet-probe")


def made_wheel(folder: Path) -> Path:
    """A wheel of one module."""
    name = "tcpnet_probe-1.0"
    wheel = folder / f"{name}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("tcpnet_probe.py", "ANSWER = 42\n")
        archive.writestr(
            f"{name}.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: tcpnet-probe\nVersion: 1.0\n",
        )
        archive.writestr(
            f"{name}.dist-info/WHEEL",
            "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        )
        archive.writestr(f"{name}.dist-info/RECORD", "")
    return wheel


async def test_git_clones_through_the_hub(hub: Town, tmp_path: Path) -> None:
    """By http.proxy and behind /+/, from files as any web server has them."""
    git, work, bare = program("git"), tmp_path / "work", tmp_path / "bare"
    await run(git, "init", "-q", str(work))
    (work / "file").write_text("content\n")
    who = ("-c", "user.name=x", "-c", "user.email=x@x.invalid")
    await run(git, "-C", str(work), "add", "file")
    await run(git, "-C", str(work), *who, "commit", "-q", "-m", "one")
    await run(git, "clone", "-q", "--bare", str(work), str(bare))
    await run(git, "-C", str(bare), "update-server-info")

    async def files(exchange: Exchange) -> None:
        path = bare / exchange.target.partition("?")[0].lstrip("/")
        body = path.read_bytes() if path.is_file() else b""
        await exchange.say(said("200 OK" if path.is_file() else "404 Not Found", body=body))

    async with origin(files) as site:
        await run(
            git,
            "-c",
            f"http.proxy={address(hub)}",
            "clone",
            "-q",
            site.url("/"),
            "one",
            cwd=tmp_path,
        )
        await run(git, "clone", "-q", f"{address(hub)}/+/{site.url('/')}", "two", cwd=tmp_path)

    for name in ("one", "two"):
        assert (tmp_path / name / "file").read_text() == "content\n"


async def test_npm_finds_packages_through_the_hub(hub: Town, tmp_path: Path) -> None:
    """The addresses in its lists lead through the hub too."""
    npm = program("npm")

    async def registry(exchange: Exchange) -> None:
        tarball = "https://files.invalid/probe/-/probe-1.0.0.tgz"
        version = {"name": "probe", "version": "1.0.0", "dist": {"tarball": tarball}}
        listed = {"name": "probe", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
        kind = "Content-Type: application/json"
        await exchange.say(said("200 OK", kind, body=json.dumps(listed).encode()))

    async with origin(registry) as site:
        mapped = f"{address(hub)}/+/{site.url('/')}"
        cache = ("--cache", str(tmp_path / "npm"), "--userconfig", os.devnull)
        shown = await run(npm, "view", "probe", "dist.tarball", "--registry", mapped, *cache)

    assert shown.strip() == f"{address(hub)}/+/https://files.invalid/probe/-/probe-1.0.0.tgz"


async def test_the_line_for_pip_asks_the_index_of_its_reader(
    hub: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the set-up page has it, pasted into a shell."""
    shell, wheel = program("sh"), made_wheel(tmp_path)

    async def index(exchange: Exchange) -> None:
        link = f'<a href="/{wheel.name}">x</a>'.encode()
        body = wheel.read_bytes() if exchange.target.endswith(".whl") else link
        await exchange.say(said("200 OK", "Content-Type: text/html", body=body))

    async with origin(index) as site:
        monkeypatch.setenv("PIP_INDEX_URL", site.url("/simple"))
        package = f"--target {tmp_path / 'here'} --no-deps --quiet --no-cache-dir tcpnet-probe"
        lines = line_of("pip", hub).replace("python3", sys.executable)
        await run(shell, "-c", lines.replace("PACKAGE", package))

    assert (tmp_path / "here/tcpnet_probe.py").read_text() == "ANSWER = 42\n"


@pytest.mark.parametrize("asks", [False, True])
async def test_the_line_for_npm_asks_the_registry_of_its_reader(
    asks: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the set-up page has it, pasted into a shell, key or none; the lock file names no hub."""
    program("npm")
    shell, packed = program("sh"), made_tarball(tmp_path).read_bytes()
    npm = next(each for each in PROGRAMS if each.name == "npm")
    proxy = {"port": 0, "allow": ("127.0.0.0/8",), "require_login": asks}

    async def registry(exchange: Exchange) -> None:
        if exchange.target.endswith(".tgz"):
            await exchange.say(said("200 OK", body=packed))
            return
        version = {"name": "probe", "version": "1.0.0", "dist": {"tarball": host.url("/probe.tgz")}}
        listed = {"name": "probe", "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
        kind = "Content-Type: application/json"
        await exchange.say(said("200 OK", kind, body=json.dumps(listed).encode()))

    async with origin(registry) as host, town(proxy=proxy) as hub:
        line = filled(npm.lines, address(hub))
        if asks:
            key = await key_of(await hub.person("Ann"))
            line = filled(npm.keyed, address(hub), f"Ann:{key}")
        for name, value in {"registry": host.url("/"), "userconfig": os.devnull}.items():
            monkeypatch.setenv(f"npm_config_{name}", value)
        package = (
            f"probe --prefix {tmp_path} --cache {tmp_path / 'npm'} --no-audit --no-update-notifier"
        )
        await run(shell, "-c", line.replace("PACKAGE", package), cwd=tmp_path)

    assert (tmp_path / "node_modules/probe/answer.txt").read_text() == "42\n"
    assert address(hub) not in (tmp_path / "package-lock.json").read_text()
    assert {head.split(b" ")[1] for head in host.heads} == {b"/probe", b"/probe.tgz"}


def line_of(name: str, hub: Town) -> str:
    """The lines of the set-up page for a program."""
    return filled(next(each.lines for each in PROGRAMS if each.name == name), address(hub))


def made_tarball(folder: Path) -> Path:
    """A package for npm, with one file."""
    for name, text in {
        "package.json": '{"name":"probe","version":"1.0.0"}',
        "answer.txt": "42\n",
    }.items():
        (folder / name).write_text(text)
    tarball = folder / "probe.tgz"
    with tarfile.open(tarball, "w:gz") as archive:
        for name in ("package.json", "answer.txt"):
            archive.add(folder / name, f"package/{name}")
    for name in ("package.json", "answer.txt"):
        (folder / name).unlink()
    return tarball


async def test_a_browser_loads_a_page_through_the_hub(
    hub: Town, site: Origin, tmp_path: Path
) -> None:
    """Chromium, told by a flag."""
    names = ("chromium", "chromium-browser", "google-chrome")
    found = next((path for name in names if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("Chromium is not installed")
    options: tuple[str, ...] = ("--headless", "--no-sandbox", "--disable-gpu", "--dump-dom")
    # Its updates and its lists are none of this test's, and would go out through the hub.
    quiet = ("no-first-run", "disable-background-networking", "disable-component-update")
    options += tuple(f"--{flag}" for flag in (*quiet, "disable-sync", "disable-quic"))
    where = (f"--proxy-server={address(hub)}", "--proxy-bypass-list=<-loopback>")

    text = await run(found, *options, *where, f"--user-data-dir={tmp_path}", site.url("/a"))

    assert "a page" in text
    assert len(site.heads) >= 1


@pytest.mark.parametrize(("fields", "asked"), [((), 3), (("CDN-Cache-Control",), 1)])
async def test_targeted_fields_count_where_the_operator_says_so(
    fields: tuple[str, ...], asked: int
) -> None:
    """They are not for every shared cache (RFC 9213)."""
    both = ("Cache-Control: no-store", "CDN-Cache-Control: max-age=60")
    async with (
        origin(said("200 OK", *both, body=b"page")) as site,
        town(
            cache={"targeted_fields": fields}, proxy={"port": 0, "allow": ("127.0.0.0/8",)}
        ) as made,
    ):
        for _ in range(3):
            assert await asyncio.to_thread(with_urllib, site.url("/a"), address(made)) == "page"

    assert len(site.heads) == asked
