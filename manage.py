#!/usr/bin/env python
"""Door to every command of the project: `python manage.py help` lists them."""

import os
import sys

from readerstudy.environment import SettingError, ensure_site, site_home

WITHOUT_SITE = {
    "doctor", "help", "make_phantoms", "train_ensemble", "write_case_set", "verify_case_set", "analyse_ratings",
    "analyse_run", "calibrate_statistics", "import_predictions", "phantom_study",
}  # fmt: skip
"""Commands that touch files only: they run before there is a site."""


def main() -> int:
    """Run one management command; the demo and the set-up make their site folder first."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "readerstudy.settings")
    # Idle threads of a computation sleep instead of spinning; it must be set before torch is loaded.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    command = sys.argv[1] if len(sys.argv) > 1 else "help"
    if command == "demo":
        # The demo never touches a real site: it has a folder, a database and secrets of its own.
        os.environ.setdefault("READERSTUDY_HOME", os.path.join("var", "demo"))
    try:
        if command in {"demo", "setup"}:
            ensure_site(site_home())
        if command in WITHOUT_SITE:
            os.environ.setdefault("SECRET_KEY", "none")
            os.environ.setdefault("AUDIT_KEY", "00")
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except SettingError as error:
        print(f"readerstudy: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
