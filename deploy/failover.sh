#!/bin/sh
# Run by a person on the standby's machine, as the account of PostgreSQL, when the primary is gone for good: fences the
# primary, promotes this standby. docs/operations.md says when not to; production wants Patroni or a managed service.
#
# PGDATA   the standby's data folder
# PRIMARY  where the primary is, for libpq: "host=db-1 port=5432"
# FENCE    a command that ends with 0 only when the primary can take no more writes: power off, a revoked lease
# PG_BIN   where pg_ctl is, if not on the path
set -eu
: "${PGDATA:?}" "${PRIMARY:?}" "${FENCE:?a promoted standby beside a living primary loses writes: say how it is fenced}"
PATH="${PG_BIN:+$PG_BIN:}$PATH"

if pg_isready -q -d "$PRIMARY" -t 3 && [ "${1:-}" != --even-if-it-answers ]; then
    echo "the primary answers: nothing was done (--even-if-it-answers to go on)" >&2
    exit 2
fi
if ! sh -c "$FENCE"; then
    echo "the primary could not be fenced: nothing was promoted" >&2
    exit 3
fi
if pg_isready -q -d "$PRIMARY" -t 3; then
    echo "the primary answers after it was fenced: nothing was promoted" >&2
    exit 3
fi
pg_ctl promote -D "$PGDATA" -w -t 60
echo "promoted; run CHECKPOINT here once the old primary follows, or the next rewinding has more to do"
