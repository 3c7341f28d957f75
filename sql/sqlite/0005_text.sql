-- What text the lines of a log have, per block: a stretch of time with some thousand lines.  See
-- docs/decisions/0033-text-is-found-by-block.md.
-- slice: 0 to 63, of the block's filter; -1, without bits: the block is there.
-- from, to: ns since 1970.  salt: of the hash, the same for all slices of a block.
CREATE TABLE tally_text (
	"table" TEXT NOT NULL,
	slice   INTEGER NOT NULL,
	"from"  INTEGER NOT NULL,
	"to"    INTEGER NOT NULL,
	salt    INTEGER NOT NULL,
	bits    BLOB NOT NULL,
	PRIMARY KEY ("table", slice, "from")
) WITHOUT ROWID;
