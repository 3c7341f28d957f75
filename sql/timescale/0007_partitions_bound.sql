-- As before, and not for more than anybody asks for.  Who only writes may call this with its owner's
-- rights, and each partition takes locks until the caller's transaction ends: one call from -infinity
-- to infinity would leave none for the others.  A step of the rollups is a few days long at most, and
-- rows are kept for 10000 days at most; the rest is for clocks that differ.  Refused as a value, 22023.
create or replace function tally.make_partitions(p_table text, p_from timestamptz, p_to timestamptz)
returns int language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
	day  date;
	made int := 0;
	part text;
begin
	if p_from < now() - interval '11000 days' or p_to > now() + interval '11000 days'
		or p_to - p_from > interval '400 days' then
		raise exception 'no partitions of % from % to %: more than 400 days, or 11000 days away from the server''s clock',
			p_table, p_from, p_to using errcode = 'invalid_parameter_value';
	end if;
	day := (p_from at time zone 'UTC')::date;
	perform pg_advisory_xact_lock(1952541804, hashtext(p_table));
	while day <= (p_to at time zone 'UTC')::date loop
		part := format('%s_p%s', p_table, to_char(day, 'YYYYMMDD'));
		if to_regclass(format('tally.%I', part)) is null then
			execute format('create table tally.%I (like tally.%I including all)', part, p_table);
			execute format('alter table tally.%I attach partition tally.%I for values from (%L) to (%L)',
				p_table, part, day || ' 00:00+00', (day + 1) || ' 00:00+00');
			made := made + 1;
		end if;
		day := day + 1;
	end loop;
	return made;
end $$;
