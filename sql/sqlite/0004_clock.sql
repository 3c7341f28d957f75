-- The time that deleting goes by, which is not simply what a clock says: see
-- docs/decisions/0014-retention-and-clocks.md.  One row; all in ns.
-- trusted: goes on as fast as time went by.  seen: the clock in the last round.  steady: for how long
-- the two have parted by the same.  boot, uptime: of the machine in the last round.
CREATE TABLE tally_clock (
	one     INTEGER PRIMARY KEY CHECK (one = 1),
	trusted INTEGER NOT NULL,
	seen    INTEGER NOT NULL,
	steady  INTEGER NOT NULL,
	boot    TEXT NOT NULL,
	uptime  INTEGER NOT NULL
);
