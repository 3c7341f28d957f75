-- The time that deleting goes by, which is not simply what a clock says: see
-- docs/decisions/0014-retention-and-clocks.md.  One row, which the first daemon adds.
-- trusted: goes on as fast as time went by.  seen: the database's clock in the last round.
-- steady: for how many ns the two have parted by the same.  boot, uptime (ns): of the machine that
-- did the last round.
create table tally.clock (
	one     bool primary key default true check (one),
	trusted timestamptz not null,
	seen    timestamptz not null,
	steady  bigint not null default 0,
	boot    text not null default '',
	uptime  bigint not null default 0
);
