"""The proxy port's own pages: how to set programs up, and whether that works from here."""

import json
from html import escape
from typing import Final, NamedTuple

from tcpnet.proxy.entry import Fields
from tcpnet.proxy.port.service import OwnPage


class Program(NamedTuple):
    """A program, the lines that set it up, what is cached for it, and an address to try them on."""

    name: str
    lines: str
    cached: str
    trial: str


PROGRAMS: Final = (
    Program(
        "curl",
        "curl -x {base} http://example.com/\ncurl {base}/+/https://example.com/",
        "http:// with -x; everything behind /+/",
        "https://example.com/",
    ),
    Program(
        "pip",
        "pip install --index-url {base}/+/https://pypi.org/simple/ --trusted-host {host} PACKAGE",
        "indexes and packages",
        "https://pypi.org/simple/pip/",
    ),
    Program(
        "npm",
        "npm install --registry {base}/+/https://registry.npmjs.org/ PACKAGE",
        "lists and packages",
        "https://registry.npmjs.org/abbrev",
    ),
    Program(
        "apt",
        "echo 'Acquire::http::Proxy \"{base}\";' | sudo tee /etc/apt/apt.conf.d/01proxy",
        "lists and packages from http:// mirrors",
        "http://deb.debian.org/debian/dists/stable/InRelease",
    ),
    Program(
        "git",
        "git -c url.{base}/+/https://.insteadOf=https:// clone https://host/project.git",
        "nothing: what a repository sends is made for each clone",
        "https://github.com/git/git/info/refs?service=git-upload-pack",
    ),
    Program(
        "everything that reads http_proxy",
        "export http_proxy={base} https_proxy={base} no_proxy=localhost,127.0.0.1,{host}",
        "http://; what is https:// goes through a tunnel and is not cached",
        "http://example.com/",
    ),
    Program(
        "browsers",
        "automatic configuration (PAC): {base}/proxy.pac",
        "http://; what is https:// goes through a tunnel and is not cached",
        "",
    ),
)
"""What the page and the documentation offer; `{base}` and `{host}` stand for this hub."""

_STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}"
    "pre{background:#8882;padding:.6em;overflow-x:auto}td,th{text-align:left;padding-right:1em}"
    "output{margin-left:.6em}"
)
# `{probe}` is answered by this hub alone, so only whoever asks through it gets an answer.
_SCRIPT: Final = """
const say = (place, words) => { place.textContent = words }
const tried = async (button) => {
  const place = button.nextElementSibling
  say(place, '…')
  const began = performance.now()
  try {
    const answer = await fetch(button.dataset.path, { cache: 'no-store' })
    const took = Math.round(performance.now() - began)
    const cached = /; *hit/.test(answer.headers.get('cache-status') || '') ? ', from the cache' : ''
    const text = await answer.text()
    if (answer.ok) say(place, `works: ${text.length} characters in ${took} ms${cached}`)
    else say(place, `${answer.status}: ${text.slice(0, 200)}`)
  } catch (error) { say(place, `does not work: ${error.message}`) }
}
for (const button of document.querySelectorAll('button'))
  button.addEventListener('click', () => tried(button))
fetch(PROBE, { cache: 'no-store' }).then(
  () => say(document.querySelector('#browser'), 'This browser uses this proxy.'),
  () => say(document.querySelector('#browser'), 'This browser does not use this proxy.'))
"""
_STRICT: Final = (
    "default-src 'none'; style-src 'unsafe-inline'; script-src {base}/setup.js;"
    " connect-src {base} {probe}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class Porch:
    """The pages; `asks_for_names` where people must log in, `probe` a site that is the hub."""

    def __init__(self, *, asks_for_names: bool, probe: str) -> None:
        self._asks_for_names = asks_for_names
        self._probe = probe

    def page(self, path: str, base: str) -> OwnPage | None:
        """Return the page under a path, for who calls the hub by `base`, if there is one."""
        match path:
            case "/":
                return _made("text/html", self._set_up(base), self._policy(base))
            case "/setup.js":
                script = _SCRIPT.replace("PROBE", json.dumps(f"{self._probe}/probe"))
                return _made("text/javascript", script)
            case "/proxy.pac":
                return _made("application/x-ns-proxy-autoconfig", _pac(base))
            case "/probe":
                return _made("text/plain", "yes\n", (("Access-Control-Allow-Origin", "*"),))
        return None

    def _policy(self, base: str) -> Fields:
        policy = _STRICT.format(base=base, probe=self._probe)
        return (("Content-Security-Policy", policy), ("Referrer-Policy", "no-referrer"))

    def _set_up(self, base: str) -> str:
        login = (
            "<p>Programs log in with your name and your proxy key, which <b>9. Account</b> in the"
            " menu of the hub makes: write <code>http://NAME:KEY@…</code> in the lines below.</p>"
            if self._asks_for_names
            else ""
        )
        rows = "".join(_section(program, base) for program in PROGRAMS)
        return (
            '<!doctype html><html lang="en"><meta charset="utf-8"><title>tcpnet: web proxy</title>'
            f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style>'
            "<h1>The web proxy of this hub</h1><p>Pages that somebody here fetched before come"
            " from its cache. Behind <code>/+/</code> the hub fetches https pages itself, so these"
            " are cached too, without a certificate on your machine; it sees what is in them."
            f" Through a tunnel it sees nothing, and caches nothing.</p>{login}"
            f'<p id="browser"></p>{rows}<script src="{escape(base)}/setup.js"></script></html>\n'
        )


def _section(program: Program, base: str) -> str:
    host = base.partition("//")[2].rpartition(":")[0] or base.partition("//")[2]
    lines = escape(program.lines.format(base=base, host=host))
    trial = (
        f'<p><button data-path="/+/{escape(program.trial)}">Try it from here</button>'
        "<output></output></p>"
        if program.trial
        else ""
    )
    return (
        f"<h2>{escape(program.name)}</h2><pre>{lines}</pre>"
        f"<p>Cached: {escape(program.cached)}.</p>{trial}"
    )


def _pac(base: str) -> str:
    """What tells a browser which way to take: near machines are asked without the hub."""
    proxy = json.dumps(f"PROXY {base.partition('//')[2]}; DIRECT")
    return (
        "function FindProxyForURL(url, host) {\n"
        '  if (host == "localhost" || host.substring(0, 4) == "127." || host == "[::1]")\n'
        '    return "DIRECT";\n'
        '  if (isPlainHostName(host) || dnsDomainIs(host, ".local")) return "DIRECT";\n'
        f"  return {proxy};\n"
        "}\n"
    )


def _made(kind: str, text: str, fields: Fields = ()) -> OwnPage:
    typed = ("Content-Type", f"{kind}; charset=utf-8")
    safe = (("Cache-Control", "no-cache"), ("X-Content-Type-Options", "nosniff"))
    return OwnPage(200, (typed, *safe, *fields), text.encode())
