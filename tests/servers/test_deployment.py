"""The shipped files for production: linted, complete, and their commands run as they stand, without a container."""

import json
import os
import re
import shlex
import shutil
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from analysis.services.fleet import QUEUES
from readerstudy.environment import BASE
from tests.docs.test_coverage import SETTINGS
from tests.servers import nginx
from tests.servers.process import Server, folder_of, free_port, remove
from tests.servers.site import Site

DOCKERFILE = (BASE / "Dockerfile").read_text(encoding="utf-8")
DEBIAN = (BASE / "deploy" / "debian" / "Dockerfile").read_text(encoding="utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((BASE / "compose.yaml").read_text(encoding="utf-8"))
UNITS = sorted((BASE / "deploy" / "systemd").iterdir())
BIN = Path(sys.executable).parent
PATIENCE = 60.0
NOT_SETTINGS = {
    "WEB_BIND", "WEB_WORKERS", "PATH", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "CUDA_VISIBLE_DEVICES",
    "OMP_WAIT_POLICY", "NUMBA_CACHE_DIR", "MPLCONFIGDIR",
}  # fmt: skip


class OnceEach(yaml.SafeLoader):
    """Reads YAML and refuses a key that comes twice in one mapping: the second would win in silence."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [
            self.construct_object(key, deep=deep)
            for key, _ in node.value
            if key.tag != "tag:yaml.org,2002:merge"
        ]
        if len(set(keys)) != len(keys):
            raise yaml.constructor.ConstructorError(None, None, f"a key comes twice: {keys}", node.start_mark)
        return super().construct_mapping(node, deep=deep)


def steps_of(text: str) -> list[tuple[str, str]]:
    """Return the instructions of a Dockerfile, continued lines joined, comments left out."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines)).splitlines()
    return [(line.split(maxsplit=1)[0], line.split(maxsplit=1)[1]) for line in joined]


@pytest.mark.parametrize("text", [DOCKERFILE, DEBIAN], ids=["site", "debian"])
def test_the_dockerfiles_are_without_fault(text: str) -> None:
    steps = steps_of(text)
    known = {
        "FROM",
        "RUN",
        "COPY",
        "ENV",
        "WORKDIR",
        "USER",
        "EXPOSE",
        "CMD",
        "ENTRYPOINT",
        "HEALTHCHECK",
        "ARG",
        "VOLUME",
        "LABEL",
        "STOPSIGNAL",
    }
    assert {name for name, _ in steps} <= known
    assert steps[0][0] in {"FROM", "ARG"}
    for name, rest in steps:
        if name == "FROM":
            image = rest.split()[0]
            # A base that is an argument: what it is without one must be named.
            image = dict(rest.split("=", 1) for name, rest in steps if name == "ARG" and "BASE=" in rest)["BASE"] \
                if image == "${BASE}" else image  # fmt: skip
            assert "@" in image or (":" in image and not image.endswith(":latest")), image
        if name == "RUN" and "apt-get install" in rest:
            assert "--no-install-recommends" in rest
            assert "rm -rf /var/lib/apt/lists" in rest
        if name in {"CMD", "ENTRYPOINT"}:
            assert json.loads(rest)  # a list of words: signals reach the program, not a shell


def test_the_image_runs_without_rights_and_on_a_read_only_root() -> None:
    users = [rest for name, rest in steps_of(DOCKERFILE) if name == "USER"]
    assert users[-1].split(":")[0] not in {"root", "0"}
    for name in ("web", "worker"):
        service = COMPOSE["services"][name]
        assert service["read_only"] is True
        assert service["tmpfs"] == ["/tmp"]
        assert service["cap_drop"] == ["ALL"]


def test_each_variable_of_the_compose_file_is_written_by_the_script_or_has_a_default() -> None:
    text = (BASE / "compose.yaml").read_text(encoding="utf-8")
    script = (BASE / "deploy" / "up.sh").read_text(encoding="utf-8")
    needed = set(re.findall(r"\$\{([A-Z_]+)(?::\?[^}]*)?\}", text))
    assert {name for name in needed if f"{name}=" not in script} == set()


@pytest.mark.parametrize("script", sorted((BASE / "deploy").rglob("*.sh")), ids=lambda path: path.name)
def test_a_script_is_sound_shell(script: Path) -> None:
    done = subprocess.run(["sh", "-n", script], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_compose_file_is_without_fault() -> None:
    text = (BASE / "compose.yaml").read_text(encoding="utf-8")
    assert yaml.load(text, Loader=OnceEach) == COMPOSE
    assert not re.search(r"[ \t]+$", text, re.MULTILINE)
    assert "\t" not in text


def test_a_key_that_comes_twice_is_found() -> None:
    with pytest.raises(yaml.YAMLError, match="twice"):
        yaml.load("services: {web: {}, web: {}}", Loader=OnceEach)


def test_compose_names_real_parts() -> None:
    services, networks, volumes = (COMPOSE[part] for part in ("services", "networks", "volumes"))
    assert set(services) == {"web", "worker", "cases", "quick", "database", "redis", "proxy"}
    listen = [service["command"][service["command"].index("-Q") + 1]
              for service in services.values() if "-Q" in service.get("command", ())]  # fmt: skip
    assert sorted(listen) == sorted(QUEUES)
    for name, service in services.items():
        assert not service["image"].endswith(":latest")
        assert set(service["networks"]) <= set(networks)
        assert set(service.get("depends_on", {})) <= set(services)
        named = [volume.partition(":")[0] for volume in service.get("volumes", [])]
        assert {volume for volume in named if re.fullmatch(r"\w+", volume)} <= set(volumes)
        assert name == "proxy" or "ports" not in service  # only the proxy can be reached from outside
    assert networks["inside"]["internal"] is True


def test_every_variable_of_the_files_is_a_setting() -> None:
    compose = set(COMPOSE["services"]["web"]["environment"])
    docker = set(
        re.findall(r"\b([A-Z][A-Z0-9_]+)=", "\n".join(re.findall(r"^ENV (.*)$", DOCKERFILE, re.MULTILINE)))
    )
    lines = [
        line for unit in UNITS for line in unit.read_text().splitlines() if line.startswith("Environment=")
    ]
    systemd = {pair.partition("=")[0] for line in lines for pair in line.removeprefix("Environment=").split()}
    assert {"DATABASE_URL", "BROKER_URL", "FRAMES_URL"} <= compose
    pip = {"PIP_DISABLE_PIP_VERSION_CHECK", "PIP_NO_CACHE_DIR"}
    assert (compose | docker | systemd) - set(SETTINGS) - NOT_SETTINGS - pip == set()


def test_every_name_of_the_nginx_templates_is_given_and_explained() -> None:
    template = (BASE / "deploy/nginx/site.conf.template").read_text()
    names = set(re.findall(r"\$\{([A-Z0-9_]+)\}", template))
    assert names - set(COMPOSE["services"]["proxy"]["environment"]) - {"..."} == set()
    guide = (BASE / "docs/production.md").read_text()
    assert [name for name in sorted(names) if f"`{name}`" not in guide] == []


def copied() -> list[str]:
    """Return what the Dockerfile copies from the project."""
    lines = re.findall(r"^COPY (?!--from)(\S+) \S+$", DOCKERFILE, re.MULTILINE)
    return [line for line in lines if line not in {"locks", "deploy/lock.py"}]


def test_what_is_copied_is_sent_to_the_engine_and_nothing_else_is() -> None:
    sent = {line[1:] for line in (BASE / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert sent == {*copied(), "locks", "deploy/lock.py"}
    assert all(list(BASE.glob(name)) for name in sent)


def command_of_image() -> list[str]:
    found: list[str] = json.loads(re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[-1])
    return found


@pytest.mark.skipif("shutil.which('systemd-analyze') is None", reason="[servers] not installed: systemd")
def test_systemd_units_are_without_fault(tmp_path: Path) -> None:
    for unit in UNITS:
        text = (
            unit.read_text()
            .replace("/opt/readerstudy/.venv/bin", str(BIN))
            .replace("/opt/readerstudy", str(BASE))
        )
        (tmp_path / unit.name.replace("@.", "@0.")).write_text(text)
    files = sorted(str(path) for path in tmp_path.iterdir())
    done = subprocess.run(
        ["systemd-analyze", "verify", "--recursive-errors=no", *files],
        capture_output=True,
        text=True,
        check=False,
    )
    said = [line for line in done.stderr.splitlines() if str(tmp_path) in line or "readerstudy" in line]
    assert (done.returncode, said) == (0, []), done.stderr


def test_units_start_what_the_image_starts() -> None:
    web = (BASE / "deploy/systemd/readerstudy-web.service").read_text()
    worker = (BASE / "deploy/systemd/readerstudy-worker@.service").read_text()
    assert " ".join(command_of_image()[1:]) in web
    assert " ".join(COMPOSE["services"]["worker"]["command"][:6]) in worker.replace(
        "/opt/readerstudy/.venv/bin/", ""
    )


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A folder with what the image would hold under /app, and nothing else of the project."""
    folder = tmp_path / "app"
    for source in (path for name in copied() for path in BASE.glob(name)):
        target = folder / source.relative_to(BASE)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    return folder


@contextmanager
def started(
    name: str, command: list[str], place: Path, environment: dict[str, str], port: int
) -> Iterator[Server]:
    folder = Path(folder_of("root", name))
    server = Server(name, "root", command, folder, port)
    server.ready = None if port else lambda: True
    try:
        yield server.start_in(place, environment)
    finally:
        remove(server)


SWEEP = """
import sys
from pathlib import Path
import django
django.setup()
from django.conf import settings
from analysis.models import Run
from analysis.services.runs import create_run
from analysis.tasks import ring
from tests.sweep.tiny import make_tiny
tiny = make_tiny(Path(sys.argv[1]))
run = create_run(spec=tiny.spec(), out=None, runs=settings.RUNS_ROOT)
ring()
print(run.run_id)
"""
DONE = """
import django
django.setup()
from analysis.models import Run
print(Run.objects.filter(finished_at__isnull=False).count())
"""


@pytest.mark.servers("postgresql", "redis", "nginx")
def test_the_commands_of_the_image_and_of_compose_work(
    image: Path, tmp_path: Path, postgresql_url: str, redis_server: Server
) -> None:
    frames, port = folder_of(nginx.USER, "frames"), free_port()
    given = {name: str(value) for name, value in COMPOSE["services"]["web"]["environment"].items()}
    redis = redis_server.url.rpartition("/")[0]
    given |= {
        "DATABASE_URL": postgresql_url, "CACHE_URL": f"{redis}/4", "BROKER_URL": f"{redis}/5",
        "ALLOWED_HOSTS": "localhost,127.0.0.1", "FRAMES_URL": str(frames), "WEB_BIND": f"127.0.0.1:{port}",
        "WEB_WORKERS": "2", "PATH": f"{BIN}:{os.environ['PATH']}", "OMP_NUM_THREADS": "1", "LEASE_SECONDS": "20",
    }  # fmt: skip
    site = Site(tmp_path / "site", given)
    subprocess.run(
        ["python", "manage.py", "setup"], cwd=image, env=site.environment, check=True, capture_output=True
    )
    made = site.stock()
    worker = COMPOSE["services"]["worker"]["command"]
    health = json.loads(re.findall(r"CMD (\[.*readyz.*\])$", DOCKERFILE, re.MULTILINE)[0])
    health[-1] = health[-1].replace(":8000", f":{port}")
    with (
        started("web", command_of_image(), image, site.environment, port),
        started("worker", worker, image, {**site.environment, "PYTHONWARNINGS": "ignore"}, 0),
        nginx.nginx(web=f"127.0.0.1:{port}") as proxy,
    ):
        assert healthy(health, image, site.environment)
        context = ssl.create_default_context(cafile=str(proxy.folder / "cert.pem"))
        request = urllib.request.Request(
            f"{proxy.url}/read/chest/state/", headers={"Cookie": f"sessionid={made['cookies']['Bob']}"}
        )
        with urllib.request.urlopen(request, context=context, timeout=20) as answer:
            assert json.load(answer)["case"]
        run_id = site.run("-c", SWEEP, str(tmp_path / "data")).stdout.split()[-1]
        deadline = time.monotonic() + PATIENCE
        while site.run("-c", DONE).stdout.strip() != "1":
            assert time.monotonic() < deadline, f"run {run_id} was not finished in {PATIENCE:.0f} s"
            time.sleep(0.5)
    commands_of_the_backup_unit(site, tmp_path)
    shutil.rmtree(frames)


def healthy(command: list[str], place: Path, environment: dict[str, str]) -> bool:
    """Say whether a health check passes within the start period of the image, as its owner asks: again and again."""
    (period,) = re.findall(r"HEALTHCHECK .*--start-period=(\d+)s", DOCKERFILE)
    deadline = time.monotonic() + int(period)
    while time.monotonic() < deadline:
        done = subprocess.run(command, cwd=place, env=environment, capture_output=True, check=False)
        if done.returncode == 0:
            return True
        time.sleep(0.5)
    return False


def commands_of_the_backup_unit(site: Site, tmp_path: Path) -> None:
    """Run what the nightly unit runs, with its paths in a scratch folder."""
    text = (BASE / "deploy/systemd/readerstudy-backup.service").read_text()
    (tmp_path / "backup").mkdir()
    for line in re.findall(r"^ExecStart=(.*)$", text, re.MULTILINE):
        here = re.sub(r"/opt/readerstudy/|%(?=%)", "", line).replace("/backup/", f"{tmp_path}/backup/")
        command = shlex.split(here.replace(".venv/bin/python", sys.executable))
        done = subprocess.run(
            command, cwd=BASE, env=site.environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, (line, done.stderr[-2000:])
    assert list((tmp_path / "backup").glob("*/MANIFEST.json"))


def test_the_example_of_settings_makes_a_site(tmp_path: Path) -> None:
    site = Site(tmp_path / "site")
    site.manage("setup")
    secrets = (site.home / "site.env").read_text()
    example = (BASE / ".env.example").read_text()
    for name in ("READERSTUDY_HOME", "SECRET_KEY", "AUDIT_KEY"):
        example = re.sub(rf"^{name}=.*$", "", example, flags=re.MULTILINE)
    (site.home / "site.env").write_text(secrets + example)
    # Nothing of the environment may help.
    bare = {name: value for name, value in site.environment.items() if name not in SETTINGS}
    site.environment = {**bare, "READERSTUDY_HOME": str(site.home)}
    assert "no issues" in site.manage("check").stdout
    assert "already exists" in site.manage("setup").stdout
