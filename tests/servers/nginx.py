"""nginx with the shipped configuration, a certificate of its own, and free ports."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from string import Template

from readerstudy.environment import BASE
from tests.servers.process import Server, as_user, binary, folder_of, free_port, remove

USER = "www-data"
MAIN = """
daemon off;
pid {folder}/pid;
error_log {folder}/error.txt warn;
worker_processes 1;
events {{ worker_connections 512; }}
http {{
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/f;
    uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
    include {folder}/site.conf;
}}
"""


@contextmanager
def nginx(*, web: str) -> Iterator[Server]:
    """Run nginx with deploy/nginx's files filled in; `folder/cert.pem` is the certificate to trust."""
    folder, plain, secure = folder_of(USER, "nginx"), free_port(), free_port()
    _certificate(folder)
    values = {
        "WEB_ADDRESS": web, "HTTP_LISTEN": f"127.0.0.1:{plain}", "HTTPS_LISTEN": f"127.0.0.1:{secure}",
        "SERVER_NAME": "localhost", "TLS_CERTIFICATE": f"{folder}/cert.pem", "TLS_KEY": f"{folder}/key.pem",
        "ACCESS_LOG": f"{folder}/access.txt",
    }  # fmt: skip
    # ${NAME} for the known names only, as envsubst does in the official image.
    template = Template((BASE / "deploy" / "nginx" / "site.conf.template").read_text())
    (folder / "site.conf").write_text(template.safe_substitute(values))
    (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
    command = [
        binary("nginx") or "nginx",
        "-p",
        str(folder),
        "-e",
        f"{folder}/error.txt",
        "-c",
        f"{folder}/nginx.conf",
    ]
    subprocess.run(as_user(USER, [*command, "-t"]), check=True, capture_output=True)
    server = Server("nginx", USER, command, folder, secure, f"https://localhost:{secure}")
    try:
        yield server.start()
    finally:
        remove(server)


def _certificate(folder: Path) -> None:
    key, certificate = folder / "key.pem", folder / "cert.pem"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
            "-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate),
        ],
        check=True, capture_output=True,
    )  # fmt: skip
    key.chmod(0o644)  # the server's user, which this process may not be, reads a throw-away key
