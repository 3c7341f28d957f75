-- Partitions of more than a day, for rows that are kept long: each costs whoever asks, even if none of
-- its rows is wanted.

-- How many days go into a partition or chunk that is made from now on; 1 where there is no entry.  Who
-- may write rows may be able to write here, too, so it is bounded.
create table if not exists tally.partitioning (
	relation text primary key,
	days     int not null check (days between 1 and 366)
);

-- The partitions of a table and where they begin and end.  Times are read as they are printed.
create or replace function tally.partitions_of(p_table text)
returns table (part name, lower timestamptz, upper timestamptz)
language sql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' as $$
	select c.relname, coalesce(bound[1]::timestamptz, '-infinity'), coalesce(bound[2]::timestamptz, 'infinity')
	from pg_inherits i join pg_class c on c.oid = i.inhrelid
		cross join regexp_match(pg_get_expr(c.relpartbound, c.oid),
			'FROM \((?:''(.*)''|MINVALUE)\) TO \((?:''(.*)''|MAXVALUE)\)') bound
	where i.inhparent = to_regclass(format('tally.%I', p_table)) and bound is not null
$$;

-- As before, for the same reasons (0007), but as wide as tally.partitioning says: a partition begins and
-- ends at a multiple of that many days since 1970, or where there is another one, of whatever width.
create or replace function tally.make_partitions(p_table text, p_from timestamptz, p_to timestamptz)
returns int language plpgsql security definer
set search_path = pg_catalog, pg_temp set timezone = 'UTC' set datestyle = 'ISO' as $$
declare
	width    interval := make_interval(days =>
			coalesce((select days from tally.partitioning where relation = p_table), 1));
	reached  timestamptz := p_from; -- up to here there are partitions
	previous timestamptz; -- where the last one before it ends
	begins   timestamptz;
	ends     timestamptz;
	there    record;
	made     int := 0;
	part     text;
begin
	if p_from < now() - interval '11000 days' or p_to > now() + interval '11000 days'
		or p_to - p_from > interval '400 days' then
		raise exception 'no partitions of % from % to %: more than 400 days, or 11000 days away from the server''s clock',
			p_table, p_from, p_to using errcode = 'invalid_parameter_value';
	end if;
	-- Usually all is there, and this is asked every few seconds: to read where all partitions begin and
	-- end takes 30 µs for each.  Their names sort as they follow each other.
	loop
		select (regexp_match(pg_get_expr(p.relpartbound, p.oid), 'TO \(''(.*)''\)'))[1]::timestamptz into ends
			from (select c.oid, c.relpartbound from pg_class c
				where c.relnamespace = 'tally'::regnamespace and c.relispartition
					and c.relname >= format('%s_p', p_table)::name
					and c.relname <= format('%s_p%s', p_table, to_char(reached, 'YYYYMMDD'))::name
				order by c.relname desc limit 1) p
			where exists (select from pg_inherits i
				where i.inhrelid = p.oid and i.inhparent = to_regclass(format('tally.%I', p_table)));
		exit when ends is null or ends <= reached;
		reached := ends;
		if reached > p_to then
			return 0;
		end if;
	end loop;
	perform pg_advisory_xact_lock(1952541804, hashtext(p_table));
	for there in select p.lower, p.upper from tally.partitions_of(p_table) p
		union all select 'infinity', 'infinity' order by 1
	loop
		while reached <= p_to and reached < there.lower loop
			begins := date_bin(width, reached, 'epoch');
			ends := least(begins + width, there.lower);
			begins := greatest(begins, previous);
			part := format('%s_p%s', p_table, to_char(begins, 'YYYYMMDD'));
			if to_regclass(format('tally.%I', part)) is null then
				execute format('create table tally.%I (like tally.%I including all)', part, p_table);
				execute format('alter table tally.%I attach partition tally.%I for values from (%L) to (%L)',
					p_table, part, begins, ends);
				made := made + 1;
			end if;
			reached := ends;
			previous := ends;
		end loop;
		exit when reached > p_to;
		reached := greatest(reached, there.upper);
		previous := there.upper;
	end loop;
	return made;
end $$;

-- Drops the partitions that lie wholly before a time.
create or replace function tally.drop_partitions(p_table text, p_before timestamptz)
returns int language plpgsql as $$
declare
	part    name;
	dropped int := 0;
begin
	perform pg_advisory_xact_lock(1952541804, hashtext(p_table));
	for part in select p.part from tally.partitions_of(p_table) p
		where p.upper <= p_before and p.part ~ '_p\d{8}$' order by p.lower
	loop
		execute format('drop table tally.%I', part);
		dropped := dropped + 1;
	end loop;
	return dropped;
end $$;

-- The end of the newest partition or chunk that lies wholly before a time: up to there rows go if what
-- is older is dropped.  Null: there is none.
create or replace function tally.whole_before(p_table text, p_before timestamptz)
returns timestamptz language plpgsql stable as $$
begin
	if exists (select from pg_partitioned_table where partrelid = to_regclass(format('tally.%I', p_table))) then
		return (select max(p.upper) from tally.partitions_of(p_table) p
			where p.upper <= p_before and p.part ~ '_p\d{8}$');
	elsif to_regclass('timescaledb_information.chunks') is null then
		return null;
	end if;
	return (select max(range_end) from timescaledb_information.chunks
		where hypertable_schema = 'tally' and hypertable_name = p_table and range_end <= p_before);
end $$;

-- How many days a new partition, or a new chunk of a hypertable, is to hold.  What somebody has set for
-- a hypertable himself stays until that changes.
create or replace function tally.partition_by_days(p_table text, p_partition int, p_chunk int)
returns void language plpgsql as $$
declare
	relation regclass := to_regclass(format('tally.%I', p_table));
	native   bool := exists (select from pg_partitioned_table where partrelid = relation);
	wanted   int := case when native then p_partition else p_chunk end;
begin
	if wanted = coalesce((select p.days from tally.partitioning p where p.relation = p_table), 1) then
		return;
	end if;
	if not native then
		if to_regclass('timescaledb_information.hypertables') is null or not exists (select
			from timescaledb_information.hypertables
			where hypertable_schema = 'tally' and hypertable_name = p_table) then
			return;
		end if;
		perform set_chunk_time_interval(relation, make_interval(days => wanted));
	end if;
	insert into tally.partitioning as p values (p_table, wanted)
		on conflict on constraint partitioning_pkey do update set days = excluded.days;
end $$;

revoke all on function tally.partitions_of, tally.whole_before, tally.partition_by_days from public;
