-- What has to be carried out on the server in one go.

-- Notes a write of the entries first … last in the caller's transaction; TL001 if it was made
-- before, so that the transaction ends there.
create function tally.ledger_advance(p_writer text, p_first bigint, p_last bigint)
returns void language plpgsql as $$
begin
	insert into tally.ledger as l (writer, sequence) values (p_writer, p_last)
	on conflict (writer) do update set sequence = excluded.sequence, written = now()
	where l.sequence < p_first;
	if not found then
		raise exception 'written before' using errcode = 'TL001';
	end if;
end $$;

-- Daily partitions of a table of ours, for plain PostgreSQL.  Made alone and then attached, since
-- ATTACH lets reads and writes of the parent go on and PARTITION OF does not.  With the rights of its
-- owner, so that a role that only writes can be allowed this, too.
create function tally.make_partitions(p_table text, p_from timestamptz, p_to timestamptz)
returns int language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
	day  date := (p_from at time zone 'UTC')::date;
	made int := 0;
	part text;
begin
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

-- Drops the partitions that lie wholly before a time.
create function tally.drop_partitions(p_table text, p_before timestamptz)
returns int language plpgsql as $$
declare
	part    record;
	dropped int := 0;
begin
	perform pg_advisory_xact_lock(1952541804, hashtext(p_table));
	for part in
		select c.relname from pg_inherits i join pg_class c on c.oid = i.inhrelid
		where i.inhparent = format('tally.%I', p_table)::regclass and c.relname ~ '_p\d{8}$'
			and to_date(right(c.relname, 8), 'YYYYMMDD') < (p_before at time zone 'UTC')::date
		order by c.relname
	loop
		execute format('drop table tally.%I', part.relname);
		dropped := dropped + 1;
	end loop;
	return dropped;
end $$;

revoke all on function tally.make_partitions, tally.drop_partitions, tally.ledger_advance from public;
