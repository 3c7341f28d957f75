-- What the store knows about itself.  The tables of rows are made from what is declared here.

-- One row per declared table.
CREATE TABLE tally_tables (
	name     TEXT PRIMARY KEY,
	kind     TEXT NOT NULL CHECK (kind IN ('series', 'state', 'log')),
	revision INTEGER NOT NULL,
	help     TEXT
) WITHOUT ROWID;

-- Its columns, in order; the first is the time.
CREATE TABLE tally_columns (
	"table"  TEXT NOT NULL,
	position INTEGER NOT NULL,
	name     TEXT NOT NULL,
	type     TEXT NOT NULL CHECK (type IN ('time', 'int', 'real', 'bool', 'text', 'json')),
	role     TEXT NOT NULL CHECK (role IN ('field', 'tag', 'counter', 'gone', 'order')),
	unit     TEXT,
	help     TEXT,
	PRIMARY KEY ("table", position),
	UNIQUE ("table", name)
) WITHOUT ROWID;

-- The last write of every writer, stored in the transaction that wrote it.
CREATE TABLE tally_ledger (
	writer   TEXT PRIMARY KEY,
	sequence INTEGER NOT NULL
) WITHOUT ROWID;
