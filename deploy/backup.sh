#!/bin/sh
# Dumps the database at DATABASE_URL into BACKUP_FOLDER, reads the dump back, and keeps the newest KEEP of them.
# Passwords come from PGPASSFILE or PGPASSWORD. PG_BIN: where pg_dump is, if not on the path.
set -eu
umask 077
: "${DATABASE_URL:?}" "${BACKUP_FOLDER:?}" "${KEEP:=14}"
PATH="${PG_BIN:+$PG_BIN:}$PATH"
case "$KEEP" in '' | 0 | *[!0-9]*) echo "KEEP must be a number from 1 on, not '$KEEP'" >&2; exit 2 ;; esac

mkdir -p "$BACKUP_FOLDER"
name="$BACKUP_FOLDER/article-qa-$(date -u +%Y%m%dT%H%M%SZ).dump"
trap 'rm -f "$name.part"' EXIT
pg_dump --dbname="$DATABASE_URL" --format=custom --compress=6 --no-owner --file="$name.part"
pg_restore --list "$name.part" >/dev/null
sync "$name.part"
mv "$name.part" "$name"
sync "$BACKUP_FOLDER"
(cd "$BACKUP_FOLDER" && sha256sum "$(basename "$name")" >"$name.sha256")

# Names sort by time.
ls "$BACKUP_FOLDER" | grep '^article-qa-[0-9]*T[0-9]*Z\.dump$' | sort -r | tail -n "+$((KEEP + 1))" |
    while read -r old; do rm -f "$BACKUP_FOLDER/$old" "$BACKUP_FOLDER/$old.sha256"; done
echo "$name"
