#!/bin/sh
# Makes a copy of the primary if there are no data yet, then runs PostgreSQL as usual; the copy follows.
set -eu
if [ ! -s "$PGDATA/PG_VERSION" ]; then
    mkdir -p "$PGDATA"
    chown -R postgres:postgres "$(dirname "$PGDATA")"
    chmod 0700 "$PGDATA"
    source="host=$FOLLOWS_HOST user=postgres application_name=$FOLLOWS_AS"
    until gosu postgres pg_basebackup -d "$source" -D "$PGDATA" -R -c fast -X stream; do
        find "$PGDATA" -mindepth 1 -delete
        sleep 2
    done
fi
exec docker-entrypoint.sh "$@"
