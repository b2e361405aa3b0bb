"""Configuration from outside: environment variables and the site's own file of secrets.

A site is one folder (READERSTUDY_HOME, default var/site) with its database, its files and `site.env`, which `manage.py
setup` writes. An environment variable overrides the file. Nothing here imports Django.
"""

import os
import secrets
import tomllib
from collections.abc import Mapping
from functools import cache
from importlib import metadata
from pathlib import Path

from readerstudy.durable import whole_file

_PACKAGE = Path(__file__).resolve().parent
_CHECKOUT = _PACKAGE.parent
BASE = _CHECKOUT if (_CHECKOUT / "manage.py").is_file() else Path.cwd()
"""Where relative folders count from: the checkout; for an installed program the folder in which it is called."""
SITE_FILE = "site.env"
PLACEHOLDERS = {"SECRET_KEY": "none", "AUDIT_KEY": "00"}
"""Stand for the secrets in commands that touch files only, where there is no site."""
TRUE = frozenset({"1", "true", "yes", "on"})
FALSE = frozenset({"0", "false", "no", "off", ""})


def shipped(name: str) -> Path:
    """Return a folder that comes with the program: of the checkout, or inside the installed package."""
    inside = _PACKAGE / "shipped" / name
    return inside if inside.is_dir() else _CHECKOUT / name


@cache
def version() -> str:
    """Return the version of the program: that of the installed package, or of pyproject.toml in a checkout."""
    try:
        return metadata.version("readerstudy")
    except metadata.PackageNotFoundError:
        with (_CHECKOUT / "pyproject.toml").open("rb") as file:
            return str(tomllib.load(file)["project"]["version"])


class SettingError(Exception):
    """A setting is absent or senseless: the message says which, what was expected and what to do."""


def site_home(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the site's folder; a relative READERSTUDY_HOME counts from the project's folder."""
    return BASE / environment.get("READERSTUDY_HOME", os.path.join("var", "site"))


def ensure_site(home: Path) -> bool:
    """Make the site's folder and its secrets where there are none; return whether they were made now."""
    path = home / SITE_FILE
    if path.exists():
        return False
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    lines = [
        "# The secrets of this site. Keep them out of backups of the database; never commit them.",
        f"SECRET_KEY={secrets.token_urlsafe(50)}",
        f"AUDIT_KEY={secrets.token_hex(32)}",
    ]
    try:
        with whole_file(path, mode=0o600, new=True) as half:
            half.write_text("\n".join(lines) + "\n", encoding="utf-8")
    except FileExistsError:  # another process made them in the meantime
        return False
    return True


def read_site_file(home: Path) -> dict[str, str]:
    """Read NAME=value lines of the site's file; an absent file is empty.

    Raises
    ------
    SettingError: a line that is neither blank, a comment nor NAME=value.
    """
    path = home / SITE_FILE
    values: dict[str, str] = {}
    if not path.exists():
        return values
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise SettingError(f"{path}, line {number}: expected NAME=value; correct the line")
        values[name] = value.strip()
    return values


class Environment:
    """The settings as given: the process environment first, then the site's file."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self.home = site_home(environment)
        self._values = {**read_site_file(self.home), **environment}

    def text(self, name: str, default: str | None = None) -> str:
        """Return a text setting; without a default it must be there.

        Raises
        ------
        SettingError: the setting is absent and has no default.
        """
        value = self._values.get(name, default)
        if value is None:
            raise SettingError(
                f"{name} is not set and {self.home / SITE_FILE} does not contain it: "
                "run 'python manage.py setup' once to create a site, or set the variable"
            )
        return value

    def flag(self, name: str, default: bool = False) -> bool:
        """Return a yes/no setting.

        Raises
        ------
        SettingError: any other word than 1, true, yes, on, 0, false, no, off.
        """
        value = self._values.get(name, str(default)).strip().lower()
        if value not in TRUE | FALSE:
            raise SettingError(f"{name}: expected yes or no, got {value!r}; write {name}=yes or {name}=no")
        return value in TRUE

    def number(self, name: str, default: int, low: int = 0) -> int:
        """Return a whole-number setting of at least `low`.

        Raises
        ------
        SettingError: not a whole number, or too small.
        """
        value = self._values.get(name, str(default)).strip()
        if not value.isdecimal() or int(value) < low:
            raise SettingError(f"{name}: expected a whole number of at least {low}, got {value!r}")
        return int(value)

    def choice(self, name: str, default: str, among: tuple[str, ...]) -> str:
        """Return a setting that is one of a few words.

        Raises
        ------
        SettingError: another word.
        """
        value = self._values.get(name, default).strip().lower()
        if value not in among:
            raise SettingError(f"{name}: expected one of {', '.join(among)}, got {value!r}")
        return value

    def words(self, name: str, default: str = "") -> list[str]:
        """Return a comma-separated setting as a list of non-empty words."""
        return [word.strip() for word in self._values.get(name, default).split(",") if word.strip()]
