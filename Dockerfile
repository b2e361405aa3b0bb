# The site's web processes and sweep workers. Build: docker build --tag readerstudy .
# Another Python: --build-arg PYTHON=3.12. The CPU build of torch: --build-arg TORCH_INDEX=ADDRESS (docs/install.md).
ARG PYTHON=3.11
FROM python:${PYTHON}-slim-bookworm AS build
ARG TORCH_INDEX=""
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
WORKDIR /app
COPY requirements.txt .
RUN python -m venv /venv \
    && if [ -n "$TORCH_INDEX" ]; then export PIP_EXTRA_INDEX_URL="$TORCH_INDEX"; fi \
    && /venv/bin/pip install --requirement requirements.txt

FROM python:${PYTHON}-slim-bookworm
# pg_dump and pg_restore for `backup` and `restore`; versions follow Debian's security updates.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends postgresql-client \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 10001 readerstudy \
    && useradd --uid 10001 --gid readerstudy --home-dir /site --shell /usr/sbin/nologin readerstudy \
    && install --directory --owner readerstudy --group readerstudy --mode 0700 /site \
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
USER 10001:10001
VOLUME ["/site", "/frames"]
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/readyz/', timeout=4)"]
CMD ["python", "-m", "gunicorn", "-c", "deploy/gunicorn.conf.py", "readerstudy.wsgi:application"]
