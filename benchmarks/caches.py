"""The web caches that are measured beside the proxy port, and how each is set up."""

import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import Final

from benchmarks.peers import UNPACKED, Command, Kind, environment

MEMORY: Final = 64
"""MiB of pages that each may hold in memory; ours is the default."""


def _tcpnet(*settings: str) -> Command:
    def command(program: str, folder: Path, port: int) -> list[str]:
        words = [program, "-m", "tcpnet.cli.server", "--port", "0", "--proxy-port", str(port)]
        where = ["--data-dir", str(folder / "data"), "--cache-dir", str(folder / "cache")]
        more = [word for setting in settings for word in ("--set", setting)]
        return [*words, *where, "--proxy-allow", "127.0.0.0/8", *more]

    return command


def _squid(memory: int, largest: str) -> Command:
    def command(program: str, folder: Path, port: int) -> list[str]:
        config, spool = folder / "squid.conf", folder / "spool"
        share = UNPACKED / "usr/share/squid"
        paths = ""
        if program.startswith(str(UNPACKED)):
            paths = (
                f"error_directory {share}/errors/templates\nicon_directory {share}/icons\n"
                f"mime_table {share}/mime.conf\n"
                f"unlinkd_program {UNPACKED}/usr/lib/squid/unlinkd\n"
            )
        # It gives its rights up, so what it writes must be open to somebody else.
        spool.mkdir()
        for place in (*folder.parents[:1], folder, spool):
            place.chmod(0o777)
        user = "cache_effective_user nobody\n" if os.getuid() == 0 else ""
        config.write_text(
            f"""http_port 127.0.0.1:{port}
http_access allow all
cache_mem {memory} MB
maximum_object_size_in_memory {largest}
maximum_object_size 64 MB
cache_dir ufs {spool} 1024 16 256
access_log none
cache_log {folder}/cache.log
cache_store_log none
logfile_rotate 0
pid_filename none
pinger_enable off
netdb_filename none
shutdown_lifetime 0 seconds
coredump_dir {folder}
{user}{paths}""",
            "utf-8",
        )
        made = [program, "-z", "-N", "-f", str(config)]
        subprocess.run(made, capture_output=True, timeout=30, check=True, env=environment())
        return [program, "-N", "-f", str(config)]

    return command


def _nginx(site: int) -> Command:
    def command(program: str, folder: Path, port: int) -> list[str]:
        config = folder / "nginx.conf"
        user = f"user {pwd.getpwuid(os.getuid()).pw_name};\n" if os.getuid() == 0 else ""
        config.write_text(
            f"""{user}daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 4096; }}
http {{
  access_log off;
  proxy_cache_path {folder}/pages keys_zone=pages:16m max_size=1g;
  proxy_temp_path {folder}/proxy; client_body_temp_path {folder}/body;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  keepalive_requests 1000000000;
  upstream site {{ server 127.0.0.1:{site}; keepalive 64; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{
      proxy_pass http://site; proxy_cache pages; proxy_http_version 1.1;
      proxy_set_header Connection "";
    }}
  }}
}}
""",
            "utf-8",
        )
        return [program, "-p", str(folder), "-c", str(config)]

    return command


def _proxy_py(program: str, _folder: Path, port: int) -> list[str]:
    words = [program, "-m", "proxy", "--hostname", "127.0.0.1", "--port", str(port)]
    # One process that works, as the others have.
    return [*words, "--num-acceptors", "1", "--num-workers", "1", "--log-level", "ERROR"]


def caches(site: int) -> dict[str, Kind]:
    """Every cache by its name, in front of the site at this port of the machine."""
    version = ("-m", "tcpnet.cli.server", "--version")
    kinds = (
        Kind(TCPNET, "http", sys.executable, _tcpnet(), version),
        Kind(TCPNET_DISK, "http", sys.executable, _tcpnet("cache.memory_bytes=0"), version),
        Kind(SQUID, "http", "squid", _squid(MEMORY, "1 MB"), ("-v",), "squid"),
        Kind(SQUID_DISK, "http", "squid", _squid(0, "0 KB"), ("-v",), "squid"),
        # In front of one site, not for all: as fast as a cache can be.
        Kind(NGINX, "http", "nginx", _nginx(site), ("-v",), "nginx"),
        Kind(
            PROXY_PY,
            "http",
            sys.executable,
            _proxy_py,
            ("-m", "proxy", "--version"),
            module="proxy",
            distribution="proxy.py",
        ),
    )
    return {kind.name: kind for kind in kinds}


TCPNET: Final = "tcpnet"
TCPNET_DISK: Final = "tcpnet, disk"
SQUID: Final = "squid"
SQUID_DISK: Final = "squid, disk"
NGINX: Final = "nginx (reverse)"
PROXY_PY: Final = "proxy.py (passes on)"

WRK: Final = Kind("wrk", "http", "wrk", lambda program, _, __: [program], ("-v",), "wrk")
"""What asks them; no cache, but to be had in the same way."""
