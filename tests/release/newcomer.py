"""`python3 -m tests.release.newcomer`: README's two commands in a plain Debian root, timed, once per release.

debootstrap makes the root; in it the packages of README's first line are installed, the last commit is cloned by a user
of its own, `make demo` runs until somebody has signed in, then `make test`. Needs root rights and Debian's debootstrap.
"""

import argparse
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.cookiejar import CookieJar
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PREREQUISITES = re.search(r"`(apt install [^`]+)`", (ROOT / "README.md").read_text(encoding="utf-8"))
HOME = "/srv/newcomer"


@contextmanager
def timed(what: str, told: list[str]) -> Iterator[None]:
    """Keep how long a step took."""
    began = time.monotonic()
    yield
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    told.append(f"{what}: {minutes} min {seconds:02d} s")
    print(told[-1], flush=True)


class Plain:
    """A plain Debian root."""

    def __init__(self, root: Path, given: argparse.Namespace) -> None:
        self.root = root
        self.given = given

    def make(self) -> None:
        """Bring the root up, with what pip needs here to reach packages."""
        subprocess.run(
            ["debootstrap", "--variant=minbase", "--include=ca-certificates", self.given.suite, self.root,
             self.given.mirror],
            check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        subprocess.run(["mount", "-t", "proc", "proc", self.root / "proc"], check=True)
        (self.root / "dev/shm").mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", self.root / "dev/shm"], check=True)
        shutil.copy("/etc/resolv.conf", self.root / "etc/resolv.conf")
        (self.root / "etc/hosts").write_text("127.0.0.1 localhost\n")
        subprocess.run(
            ["git", "clone", "--quiet", "--bare", ROOT, self.root / "srv/readerstudy.git"], check=True
        )
        if self.given.wheels:
            shutil.copytree(self.given.wheels, self.root / "srv/wheels")
        if self.given.certificates:
            shutil.copy(self.given.certificates, self.root / "srv/certificates.crt")

    def command(self, line: str, user: str = "newcomer") -> list[str]:
        """Return a command that a user of the root types at home."""
        variables = {
            "HOME": HOME,
            "USER": user,
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "LANG": "C.UTF-8",
        }
        if self.given.wheels:
            variables["PIP_FIND_LINKS"] = "/srv/wheels"
        if self.given.certificates:
            variables["PIP_CERT"] = "/srv/certificates.crt"
        words = [f"{name}={value}" for name, value in variables.items()]
        return ["chroot", f"--userspec={user}", str(self.root), "env", "-i", *words, "sh", "-c", line]

    def do(self, line: str, user: str = "newcomer") -> None:
        subprocess.run(self.command(line, user), check=True)


def demo(plain: Plain, port: int) -> str:
    """Run `make demo` until somebody is signed in; return the page's title."""
    line = f"cd readerstudy && exec make demo PORT={port}"
    log = plain.root / "srv/demo.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            plain.command(f"cd {HOME} && {line}"), stdout=out, stderr=out, start_new_session=True
        )
    try:
        while process.poll() is None:
            text = log.read_text(encoding="utf-8", errors="replace")
            people = re.findall(r"(\S+@\S+)\s+(\S{10,})$", text, re.MULTILINE)
            if people and served(port):
                return signed_in(f"http://127.0.0.1:{port}", *people[0])
            time.sleep(1)
        raise SystemExit(f"`make demo` ended with {process.returncode}:\n{text[-3000:]}")
    finally:
        with_children(process)


def with_children(process: subprocess.Popen[bytes]) -> None:
    """End the demo; Ctrl-C would be ignored by what was started in the background."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(timeout=60)


def served(port: int) -> bool:
    try:
        return bool(urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz/", timeout=5).status == 200)
    except OSError:
        return False


def signed_in(address: str, name: str, password: str) -> str:
    """Sign in as a person would, and return the title of the page that follows."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
    with opener.open(f"{address}/accounts/sign-in/", timeout=30) as page:
        (token,) = set(re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.read().decode()))
    form = urllib.parse.urlencode({"csrfmiddlewaretoken": token, "username": name, "password": password})
    request = urllib.request.Request(f"{address}/accounts/sign-in/", form.encode(), {"Referer": address})
    with opener.open(request, timeout=60) as page:
        text = page.read().decode()
        if "sign-in" in page.url:
            raise SystemExit(f"expected a page after signing in as {name}, got {page.url}")
    return re.findall(r"<title>\s*(.*?)\s*</title>", text, re.DOTALL)[0]


def main() -> None:
    """Make the root, run both commands, print how long each took."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--mirror", default="http://deb.debian.org/debian", help="of Debian")
    parser.add_argument("--suite", default="bookworm", help="Debian's; trixie has Python 3.13")
    parser.add_argument("--wheels", type=Path, help="folder with the CPU build of torch")
    parser.add_argument("--certificates", type=Path, help="authorities that pip shall trust")
    parser.add_argument(
        "--folder", type=Path, default=Path(tempfile.gettempdir()), help="where the root is made"
    )
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--no-test", action="store_true", help="leave out `make test`")
    given = parser.parse_args()
    if "NEWCOMER_ROOT" not in os.environ:
        # The root is mounted into by a process with mounts of its own, and removed by this one, which never saw them.
        folder = tempfile.mkdtemp(prefix="newcomer-", dir=given.folder)
        command = ["unshare", "--mount", sys.executable, "-m", "tests.release.newcomer", *sys.argv[1:]]
        Path(folder).chmod(0o755)  # it is the newcomer's root directory
        try:
            environment = {**os.environ, "NEWCOMER_ROOT": folder}
            sys.exit(subprocess.run(command, cwd=ROOT, env=environment, check=False).returncode)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    assert PREREQUISITES
    told: list[str] = []
    plain = Plain(Path(os.environ["NEWCOMER_ROOT"]), given)
    with timed(f"a plain Debian root ({given.suite})", told):
        plain.make()
    packages = shlex.join(shlex.split(PREREQUISITES[1])[2:])
    with timed(PREREQUISITES[1], told):
        plain.do(f"useradd --create-home --home-dir {HOME} newcomer", "root")
        plain.do("chown -R newcomer /srv/readerstudy.git && apt-get update -qq", "root")
        plain.do(
            f"DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes {packages} >/dev/null 2>&1", "root"
        )
    with timed("git clone", told):
        plain.do(f"cd {HOME} && git clone --quiet /srv/readerstudy.git readerstudy")
    with timed("make demo, until somebody is signed in", told):
        print("signed in to:", demo(plain, given.port), flush=True)
    if not given.no_test:
        with timed("make test", told):
            plain.do(f"cd {HOME}/readerstudy && make test")
    print("\n".join(["", *told]))


if __name__ == "__main__":
    main()
