#!/usr/bin/env python
"""Every command of the project: `python manage.py help` lists them."""

from readerstudy.__main__ import run

if __name__ == "__main__":
    run()
