#!/bin/sh
# Run by a person on the old primary's machine, as the account of PostgreSQL, after a failover: makes it the standby of
# the new primary. Start it afterwards. Copies only what differs if it can, else everything; what it held then stays
# beside it, in PGDATA.before.
#
# PGDATA   the old primary's data folder; its server must be stopped
# PRIMARY  where the new primary is, for libpq: "host=db-1-standby port=5432"
# NAME     by which the new primary knows it: one of those in synchronous_standby_names
# PG_BIN   where pg_rewind and psql are, if not on the path
set -eu
: "${PGDATA:?}" "${PRIMARY:?}" "${NAME:?}"
PATH="${PG_BIN:+$PG_BIN:}$PATH"
source="$PRIMARY user=postgres application_name=$NAME"

if pg_ctl status -D "$PGDATA" >/dev/null 2>&1; then
    echo "stop the server in $PGDATA first" >&2
    exit 2
fi
if pg_rewind -D "$PGDATA" --source-server="$source dbname=postgres" -R; then
    # It follows from where the primary's log ends now, be it on disk yet or not: else it would wait for the next write.
    psql -d "$source dbname=postgres" -XqAt -c 'SELECT pg_log_standby_snapshot()' >/dev/null
    echo "rewound: start it"
    exit 0
fi
if [ -e "$PGDATA.before" ]; then
    echo "$PGDATA.before is in the way of copying everything: look at it, then move it away" >&2
    exit 4
fi
mv "$PGDATA" "$PGDATA.before"
pg_basebackup -d "$source" -D "$PGDATA" -R -c fast -X stream
echo "copied anew: start it, and remove $PGDATA.before when you have seen it follow"
