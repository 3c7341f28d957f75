-- How far each table is rolled up, and from when on its rows are all there (ns since 1970).
-- level: 0 the rows themselves, 1 minutes, 2 hours, 3 days.
-- rolled_to: everything before is in the rollup of this level; unused for level 0.
-- kept_from: older rows of this level were deleted, so nothing may be computed from them again.
CREATE TABLE tally_rollups (
	"table"   TEXT NOT NULL,
	level     INTEGER NOT NULL,
	rolled_to INTEGER,
	kept_from INTEGER,
	PRIMARY KEY ("table", level)
) WITHOUT ROWID;

-- Buckets to roll up again because a row came late.
CREATE TABLE tally_late (
	"table" TEXT NOT NULL,
	level   INTEGER NOT NULL,
	bucket  INTEGER NOT NULL,
	series  INTEGER NOT NULL,
	PRIMARY KEY ("table", level, bucket, series)
) WITHOUT ROWID;
