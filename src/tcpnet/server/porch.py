"""The proxy port's own pages: how to set programs up, and whether that works from here."""

import base64
import hashlib
import json
import re
from html import escape
from typing import Final, NamedTuple

from tcpnet.proxy.entry import Lines
from tcpnet.proxy.port.service import OwnPage


class Trial(NamedTuple):
    """What the reader is asked for (commands in `), where to begin, what is fetched behind that."""

    question: str
    address: str = ""
    path: str = ""


class Program(NamedTuple):
    """A program, the lines that set it up, what is cached for it, and how they are tried.

    `keyed` are the lines where a proxy key is wanted, if it is not enough to write it into `base`.
    """

    name: str
    lines: str
    cached: str
    trial: Trial | None = None
    keyed: str = ""


# npm sends what an address holds to that address only, and nothing to where its lists then lead.
_KEY_OF_NPM: Final = (
    """"--//{site}/:_auth=$(node -p "Buffer.from('NAME:KEY').toString('base64')")" """
)

# pip's own help names the index that its files and its environment set, in a line that COLUMNS
# keeps whole; `pip config get` knows none where nobody set one.
_INDEX: Final = r"\(default (http[^)]*)\)"

PROGRAMS: Final = (
    Program(
        "curl",
        "curl -x {base} http://example.com/\ncurl {base}/+/https://example.com/",
        "http:// with -x; everything behind /+/",
        Trial("an address", "https://example.com/"),
    ),
    Program(
        "pip",
        "INDEX=$(COLUMNS=999 python3 -m pip install --help |"
        r" sed -n 's/.*(default \(http[^)]*\)).*/\1/p')"
        "\n"
        "python3 -m pip install --index-url {base}/+/$INDEX --trusted-host {host} PACKAGE",
        "indexes and packages",
        Trial("the address of the index, which `echo $INDEX` shows", path="pip/"),
    ),
    Program(
        "npm",
        'npm install --registry "{hub}/+/$(npm config get registry)"'
        " --omit-lockfile-registry-resolved PACKAGE",
        "lists and packages",
        Trial("the address of the registry, which `npm config get registry` shows", path="abbrev"),
        'npm install --registry "{hub}/+/$(npm config get registry)" '
        f"{_KEY_OF_NPM}--omit-lockfile-registry-resolved PACKAGE",
    ),
    Program(
        "apt",
        "echo 'Acquire::http::Proxy \"{base}\";' | sudo tee /etc/apt/apt.conf.d/01proxy",
        "lists and packages from http:// mirrors",
        Trial("the address of a mirror, which `apt-get indextargets --format '$(SITE)'` shows"),
    ),
    Program(
        "git",
        "git -c url.{base}/+/https://.insteadOf=https:// clone https://host/project.git",
        "nothing: what a repository sends is made for each clone",
        Trial("the address of a repository", path="info/refs?service=git-upload-pack"),
    ),
    Program(
        "everything that reads http_proxy",
        "export http_proxy={base} https_proxy={base} no_proxy={near}",
        "http://; what is https:// goes through a tunnel and is not cached",
        Trial("an address", "http://example.com/"),
    ),
    Program(
        "browsers",
        "automatic configuration (PAC): {hub}/proxy.pac",
        "http://; what is https:// goes through a tunnel and is not cached",
    ),
)
"""What the page and the documentation offer; no line names a site that a program knows itself.

`{base}` stands for this hub, with a name and a key where these are wanted, `{hub}`, `{site}` and
`{host}` for its address, its name with the port and without, `{near}` for what is asked directly.
"""

WINDOWS: Final = (
    "$env:COLUMNS = 999\n"
    f"$INDEX = (python -m pip install --help | Select-String '{_INDEX}')"
    ".Matches[0].Groups[1].Value\n"
    "python -m pip install --index-url {base}/+/$INDEX --trusted-host {host} PACKAGE\n"
    "$env:http_proxy = $env:https_proxy = '{base}'; $env:no_proxy = '{near}'\n"
    "curl.exe {base}/+/https://example.com/"
)
"""The lines that PowerShell wants otherwise."""

_STYLE: Final = (
    ":root{color-scheme:light dark}"
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "pre{background:#8882;padding:.6em;white-space:pre-wrap;overflow-wrap:anywhere}"
    "input{width:24em;max-width:90%}output{display:block;overflow-wrap:anywhere}"
)
# `{probe}` is answered by this hub alone, so only whoever asks through it gets an answer.
_SCRIPT: Final = """
const say = (place, words) => { place.textContent = words }
const tried = async (form) => {
  const place = form.querySelector('output'), path = form.dataset.path
  const written = form.elements.address.value.trim()
  const address = path ? `${written.replace(/[/]+$/, '')}/${path}` : written
  say(place, `asking the hub for ${address} …`)
  const began = performance.now()
  try {
    const answer = await fetch(`/+/${address}`, { cache: 'no-store' })
    const text = await answer.text()
    const plain = /^text[/]plain/.test(answer.headers.get('content-type') || '')
    const took = Math.round(performance.now() - began)
    const cached = /; *hit/.test(answer.headers.get('cache-status') || '') ? ', from the cache' : ''
    if (answer.ok) say(place, `${address} works: ${text.length} characters in ${took} ms${cached}`)
    const words = plain ? `: ${text.slice(0, 200)}` : ''
    if (!answer.ok) say(place, `${address} does not work: status ${answer.status}${words}`)
  } catch (error) { say(place, `${address} does not work: ${error.message}`) }
}
for (const form of document.querySelectorAll('form'))
  form.addEventListener('submit', (event) => { event.preventDefault(); tried(form) })
fetch(PROBE, { cache: 'no-store' }).then(
  () => say(document.querySelector('#browser'), 'This browser uses this proxy.'),
  () => say(document.querySelector('#browser'), 'This browser does not use this proxy.'))
"""
# The script is known by its digest: addresses of IPv6 cannot be written in such a policy, and
# 'self' would let what is behind /+/ be a script.
_STRICT: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}';"
    " connect-src 'self' {probe}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Porch:
    """The pages; `asks_for_names` where people must log in, `probe` a site that is the hub."""

    def __init__(self, *, asks_for_names: bool, probe: str) -> None:
        self._asks_for_names = asks_for_names
        self._script = _SCRIPT.replace("PROBE", json.dumps(f"{probe}/probe"))
        digest = base64.b64encode(hashlib.sha256(self._script.encode()).digest()).decode()
        policy = _STRICT.format(digest=digest, probe=probe)
        self._policy = (("Content-Security-Policy", policy), ("Referrer-Policy", "no-referrer"))

    def page(self, path: str, base: str) -> OwnPage | None:
        """Return the page under a path, for who calls the hub by `base`, if there is one."""
        match path:
            case "/":
                return _made("text/html", self._set_up(base), self._policy)
            case "/proxy.pac":
                return _made("application/x-ns-proxy-autoconfig", _pac(base))
            case "/probe":
                return _made("text/plain", "yes\n", (("Access-Control-Allow-Origin", "*"),))
        return None

    def _set_up(self, base: str) -> str:
        login = (
            "<p>Programs log in with your name and your proxy key, which <b>9. Account</b> in the"
            " menu of the hub makes: write these for <code>NAME</code> and <code>KEY</code>.</p>"
            if self._asks_for_names
            else ""
        )
        rows = "".join(self._section(program, base) for program in PROGRAMS)
        windows = f"<h2>PowerShell</h2><pre>{self._lines(WINDOWS, base)}</pre>"
        return (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>tcpnet: web proxy</title>'
            f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
            "<h1>The web proxy of this hub</h1><p>What somebody here fetched before comes from its"
            " cache, where the site allows that. Behind <code>/+/</code> the hub fetches https"
            " pages itself, so these are cached too, without a certificate on your machine; the hub"
            " sees what is in them, and between you and the hub they are not encrypted. Through a"
            f" tunnel it sees nothing, and caches nothing.</p>{login}"
            f'<p id="browser"></p>{rows}{windows}'
            f"<script>{self._script}</script></html>\n"
        )

    def _section(self, program: Program, base: str) -> str:
        lines = (self._asks_for_names and program.keyed) or program.lines
        return (
            f"<h2>{escape(program.name)}</h2><pre>{self._lines(lines, base)}</pre>"
            f"<p>Cached: {escape(program.cached)}.</p>"
            f"{_form(program.trial) if program.trial else ''}"
        )

    def _lines(self, lines: str, base: str) -> str:
        return escape(filled(lines, base, "NAME:KEY" if self._asks_for_names else ""))


def filled(lines: str, base: str, login: str = "") -> str:
    """Return lines with the hub in them that is called by `base`, and with a name and its key."""
    host, site = _host(base), base.partition("//")[2]
    # Without the brackets of IPv6: httpx refuses them there.
    near = ",".join(dict.fromkeys(("localhost", "127.0.0.1", host.strip("[]"))))
    keyed = base.replace("//", f"//{login}@", 1) if login else base
    text = lines.format(base=keyed, hub=base, site=site, host=host, near=near)
    return text.replace("NAME:KEY", login) if login else text


def _form(trial: Trial) -> str:
    question = re.sub("`(.*?)`", r"<code>\1</code>", escape(trial.question))
    return (
        f'<form data-path="{escape(trial.path)}"><label>Try it from here with'
        f" {question}:<br><input name=address type=url required"
        f' value="{escape(trial.address)}"></label> <button>Try</button><output></output></form>'
    )


def _host(base: str) -> str:
    """Return the name or the address by which the reader calls this hub."""
    return re.sub(r":[0-9]+$", "", base.partition("//")[2])


def _pac(base: str) -> str:
    """What tells a browser which way to take: near machines are asked without the hub."""
    site = base.partition("//")[2]
    proxy, hub = json.dumps(f"PROXY {site}; DIRECT"), json.dumps(_host(base))
    return (
        "function FindProxyForURL(url, host) {\n"
        f'  if (host == {hub} || host == "localhost" || host == "[::1]") return "DIRECT";\n'
        '  if (host.substring(0, 4) == "127.")\n'
        '    return "DIRECT";\n'
        '  if (isPlainHostName(host) || dnsDomainIs(host, ".local")) return "DIRECT";\n'
        f"  return {proxy};\n"
        "}\n"
    )


def _made(kind: str, text: str, fields: Lines = ()) -> OwnPage:
    typed = ("Content-Type", f"{kind}; charset=utf-8")
    safe = (("Cache-Control", "no-cache"), ("X-Content-Type-Options", "nosniff"))
    return OwnPage(200, (typed, *safe, *fields), text.encode())
