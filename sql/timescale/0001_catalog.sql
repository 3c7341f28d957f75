-- What the store knows about itself.  The tables of rows are made from what is declared here.

-- One row per declared table.
create table tally.tables (
	name     text primary key,
	kind     text not null check (kind in ('series', 'state', 'log')),
	revision int not null,
	help     text
);

-- Its columns, in order; the first is the time.
create table tally.columns (
	"table"  text not null references tally.tables (name),
	position int not null,
	name     text not null,
	type     text not null check (type in ('time', 'int', 'real', 'bool', 'text', 'json')),
	role     text not null check (role in ('field', 'tag', 'counter', 'gone', 'order')),
	unit     text,
	help     text,
	primary key ("table", position),
	unique ("table", name)
);

-- The last write of every writer, stored in the transaction that wrote it.
create table tally.ledger (
	writer   text primary key,
	sequence bigint not null,
	written  timestamptz not null default now()
) with (fillfactor = 50);

-- How far each table is rolled up, and from when on its rows are all there.
-- level: 0 the rows themselves, 1 minutes, 2 hours, 3 days.
-- rolled_to: everything before is in the rollup of this level; unused for level 0.
-- kept_from: older rows of this level were deleted: nothing may be computed from them again.
create table tally.marks (
	"table"   text not null,
	level     int not null,
	rolled_to timestamptz,
	kept_from timestamptz,
	primary key ("table", level)
);

-- Minutes to roll up again because a row came late.  The writer is part of the key so that no two
-- of them wait for each other here.
create table tally.late (
	"table" text not null,
	bucket  timestamptz not null,
	writer  text not null,
	primary key ("table", bucket, writer)
);

-- What the maintenance loop did last.
create table tally.upkeep (
	job        text primary key,
	leader     text not null,
	succeeded  timestamptz,
	failed     timestamptz,
	error      text
);
