# First start: a cluster with one role and its database. Then the server.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  # The password is given by a file that only this user can read; in a list of arguments others could see it.
  umask 077
  printf '%s\n' "$POSTGRES_PASSWORD" >/tmp/password
  initdb --username "$POSTGRES_USER" --pwfile /tmp/password --auth scram-sha-256 --encoding UTF8 --locale C.UTF-8
  echo "host all all all scram-sha-256" >>"$PGDATA/pg_hba.conf"
  pg_ctl --wait --options "-c listen_addresses=''" start
  PGPASSWORD=$(cat /tmp/password) createdb --username "$POSTGRES_USER" "$POSTGRES_DB"
  pg_ctl --wait stop
  rm /tmp/password
fi
exec postgres -c listen_addresses='*'
