-- Several connections of one daemon that write at once, and series that are deleted.

-- Entries that were written by one of several transactions of a writer, beyond what tally.ledger
-- says of it.
create table tally.ledger_ahead (
	writer   text not null,
	sequence bigint not null,
	primary key (writer, sequence)
);

-- As before; and what ran ahead counts as written.
create or replace function tally.ledger_advance(p_writer text, p_first bigint, p_last bigint)
returns void language plpgsql as $$
begin
	if exists (select from tally.ledger_ahead where writer = p_writer) then
		if exists (select from tally.ledger_ahead
			where writer = p_writer and sequence between p_first and p_last) then
			raise exception 'written before' using errcode = 'TL001';
		end if;
		delete from tally.ledger_ahead where writer = p_writer and sequence < p_first;
	end if;
	insert into tally.ledger as l (writer, sequence) values (p_writer, p_last)
	on conflict (writer) do update set sequence = excluded.sequence, written = now()
	where l.sequence < p_first;
	if not found then
		raise exception 'written before' using errcode = 'TL001';
	end if;
end $$;

-- Notes entries of a write that is made by several transactions at once: each by itself, so that
-- none waits for another.  p_settled: all up to here were written long ago; NULL from all but one.
create function tally.ledger_note(p_writer text, p_settled bigint, p_sequences bigint[])
returns void language plpgsql as $$
declare
	noted int;
begin
	if p_settled is not null then
		insert into tally.ledger as l (writer, sequence) values (p_writer, p_settled)
		on conflict (writer) do update set sequence = excluded.sequence, written = now()
		where l.sequence < excluded.sequence;
		delete from tally.ledger_ahead where writer = p_writer and sequence <= p_settled;
	end if;
	insert into tally.ledger_ahead select p_writer, s from unnest(p_sequences) s
	on conflict do nothing;
	get diagnostics noted = row_count;
	if noted < cardinality(p_sequences) or exists (select from tally.ledger
		where writer = p_writer and sequence >= any (p_sequences)) then
		raise exception 'written before' using errcode = 'TL001';
	end if;
end $$;

-- Counts how often series were deleted: what a daemon remembers of older ones may be wrong.
create table tally.generation (
	series bigint not null
);
insert into tally.generation values (1);

-- In each transaction that writes rows by remembered series: until its end none is deleted.
-- TL002: some were since p_generation.
create function tally.hold_series(p_generation bigint)
returns void language plpgsql as $$
begin
	perform pg_advisory_xact_lock_shared(1952541804, 3);
	if p_generation is distinct from (select series from tally.generation) then
		raise exception 'series were deleted meanwhile' using errcode = 'TL002';
	end if;
end $$;

revoke all on function tally.ledger_note, tally.hold_series from public;
