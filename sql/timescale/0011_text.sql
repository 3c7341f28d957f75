-- What text the lines of a log have, per block: a stretch of time with some thousand lines.  See
-- docs/decisions/0033-text-is-found-by-block.md.
-- slice: 0 to 63, of the block's filter; -1, without bits: the block is there.
-- salt: of the hash, the same for all slices of a block.
create table tally.text (
	"table" text not null,
	slice   smallint not null,
	"from"  timestamptz not null,
	"to"    timestamptz not null,
	salt    int not null,
	bits    bytea not null,
	primary key ("table", slice, "from")
);
