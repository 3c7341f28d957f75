-- Tables whose old rows are packed: see docs/decisions/0040-old-rows-in-chunks.md.
-- packed_to: no packed row is as new as this (ns since 1970).
CREATE TABLE IF NOT EXISTS tally_packed (
	"table"   TEXT PRIMARY KEY,
	packed_to INTEGER NOT NULL
) WITHOUT ROWID;
