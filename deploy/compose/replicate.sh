#!/bin/sh
# Runs once, when the primary's data are made: standbys may connect with the password, and commits wait for them.
# The second holds from the next start on; before, nobody could follow, and making the database would wait for ever.
# Both names stand there, and the copy takes it along: whichever is primary waits for the other.
set -eu
echo 'host replication all all scram-sha-256' >> "$PGDATA/pg_hba.conf"
echo "synchronous_standby_names = 'ANY 1 (\"db_1\",\"db_1_standby\")'" >> "$PGDATA/postgresql.auto.conf"
