-- Marks minutes, in order, that rows came to: all of them, or, where a level is named, those that it
-- has passed.  A function, since the server then plans it once a connection and not once a
-- transaction; usually none is late, and nothing is inserted.  Each transaction makes marks of its
-- own: if it left alone one that is there, the maintenance could take that before this one is
-- committed, and its rows would never be rolled up.
create or replace function tally.note_late(p_table text, p_writer text, p_minutes bigint[],
	p_marks text, p_level int)
returns void language plpgsql as $$
declare
	passed timestamptz := case when p_marks is null then 'infinity'::timestamptz
		else (select rolled_to from tally.marks where "table" = p_marks and level = p_level) end;
begin
	if to_timestamp(p_minutes[1]) < passed then
		insert into tally.late select p_table, to_timestamp(s), p_writer || '/' || txid_current()
			from unnest(p_minutes) s where to_timestamp(s) < passed on conflict do nothing;
	end if;
end $$;
