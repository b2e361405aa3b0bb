# The site's web processes and sweep workers, on Debian 12 with its Python 3.11. deploy/image.sh builds it, and its base
# where no registry is reached; docs/container.md says how and what was tried.
ARG BASE=debian:bookworm-slim
FROM ${BASE} AS build
# Where pip finds the CPU build of torch, which PyPI does not have for Linux: an index, or a folder mounted for the build.
ARG PIP_EXTRA_INDEX_URL=""
ARG PIP_FIND_LINKS=""
ARG TORCH=auto
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates python3 python3-venv \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY deploy/lock.py ./deploy/lock.py
COPY locks ./locks
RUN python3 -m venv /venv \
    && lock=$(/venv/bin/python deploy/lock.py --fitting "$TORCH") \
    && /venv/bin/pip install --no-deps --require-hashes --requirement "$lock"

FROM ${BASE}
# pg_dump and pg_restore for `backup` and `restore`; versions follow Debian's security updates.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates postgresql-client python3 \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 readerstudy \
    && useradd --uid 10001 --gid readerstudy --home-dir /site --shell /usr/sbin/nologin readerstudy \
    && install --directory --owner readerstudy --group readerstudy --mode 0700 /site /handovers \
    && install --directory --owner readerstudy --group readerstudy --mode 0700 /frames
COPY --from=build /venv /venv
WORKDIR /app
COPY manage.py ./
COPY analysis ./analysis
COPY readerstudy ./readerstudy
COPY static ./static
COPY templates ./templates
COPY docs/*.md ./docs/
COPY pyproject.toml ./
COPY deploy/gunicorn.conf.py ./deploy/gunicorn.conf.py
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 READERSTUDY_HOME=/site WEB_BIND=0.0.0.0:8000
# The root may be read-only: what libraries keep for themselves goes to /tmp.
ENV NUMBA_CACHE_DIR=/tmp/numba MPLCONFIGDIR=/tmp/matplotlib
USER 10001:10001
VOLUME ["/site", "/frames", "/handovers"]
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz/', timeout=4)"]
CMD ["python", "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "readerstudy.wsgi:application"]
