#!/bin/sh
# From a checkout to a site in containers: deploy/up.sh study.example.org you@example.org
# Draws passwords into .env and makes a certificate for trials where there are none, builds the image where there is
# none, makes the site or brings it up to date, and starts everything. Run it again after an upgrade.
#   COMPOSE="docker compose" or podman-compose;  BUILD="sh deploy/image.sh" where compose shall not build
set -eu
cd "$(dirname "$0")/.."
name=${1:?expected a host name and the address of the first admin: deploy/up.sh study.example.org you@example.org}
admin=${2:?expected the address of the first admin after the host name}
compose=${COMPOSE:-docker compose}
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
if [ ! -e .env ]; then
  umask 077
  printf 'SERVER_NAME=%s\nPOSTGRES_PASSWORD=%s\nREDIS_PASSWORD=%s\n' "$name" "$(random)" "$(random)" >.env
  umask 022
fi
if [ ! -e deploy/tls/key.pem ]; then
  mkdir -p deploy/tls
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=$name" -addext "subjectAltName=DNS:$name" \
    -keyout deploy/tls/key.pem -out deploy/tls/fullchain.pem 2>/dev/null
  echo "Made a certificate for trials, which browsers warn of. Put yours into deploy/tls (fullchain.pem, key.pem)." >&2
fi
mkdir -p var/data
${BUILD:-$compose build web}
$compose up --detach database redis
tries=0
until $compose exec -T database pg_isready --quiet --username reader_study --host 127.0.0.1; do
  tries=$((tries + 1))
  [ "$tries" -lt 60 ] || { echo "expected PostgreSQL to answer within a minute, got nothing: $compose logs database" >&2; exit 1; }
  sleep 1
done
$compose run --rm -T --no-deps web python manage.py setup --admin "$admin"
$compose up --detach
