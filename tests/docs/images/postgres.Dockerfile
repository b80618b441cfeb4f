# What deploy/compose.yaml uses of postgres:15, from Debian's package: a database and its owner are made of
# POSTGRES_USER, POSTGRES_DB and POSTGRES_PASSWORD when the volume is empty; words that follow are the server's.
FROM debian:bookworm-slim
RUN mkdir -p /etc/postgresql-common && echo create_main_cluster = false >/etc/postgresql-common/createcluster.conf \
 && apt-get update -q && apt-get install -y -q --no-install-recommends postgresql-15 \
 && install -d -o postgres -g postgres -m 700 /var/lib/postgresql/data
ENV PGDATA=/var/lib/postgresql/data PATH=/usr/lib/postgresql/15/bin:/usr/sbin:/usr/bin:/sbin:/bin
RUN printf '%s\n' 'set -e' \
      'if [ ! -s "$PGDATA/PG_VERSION" ]; then' \
      '  echo "$POSTGRES_PASSWORD" >/tmp/password' \
      '  initdb --auth=scram-sha-256 --username="$POSTGRES_USER" --pwfile=/tmp/password' \
      '  rm /tmp/password' \
      '  printf "CREATE DATABASE %s;\n" "$POSTGRES_DB" | postgres --single -j postgres' \
      'fi' \
      'exec postgres -c unix_socket_directories=/tmp "$@"' >/start
USER postgres
ENTRYPOINT ["sh", "/start"]
STOPSIGNAL SIGINT
VOLUME /var/lib/postgresql/data
