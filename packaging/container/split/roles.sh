#!/bin/bash
# Makes the roles of a new database; the image of PostgreSQL runs it once.
set -euo pipefail
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v migrator=tally_worker \
	-v reader=tally_reader -f /roles.sql
psql -v ON_ERROR_STOP=1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v password="$POSTGRES_PASSWORD" <<'SQL'
alter role tally_worker password :'password';
alter role tally_reader password :'password';
SQL
