-- Rollups above the minutes become continuous aggregates, where TimescaleDB has them; see
-- docs/decisions/0011-own-rollups-in-every-mode.md and the one that follows it there.  They have a
-- view before them, X_5min_rows and so on, since an aggregate cannot be given a column and a view can.

-- At the level of the minutes: the range over which minutes were rolled up again, and the aggregates
-- have not been refreshed since.
alter table tally.marks add column if not exists stale_from timestamptz,
	add column if not exists stale_to timestamptz;

-- Adds a column to a rollup, be it a table or the view before an aggregate, of which the column is
-- null until the aggregate has been replaced by one that has it.
create or replace function tally.add_rollup_column(p_relation text, p_column text, p_type text)
returns void language plpgsql as $$
declare
	relation regclass := format('tally.%I', p_relation)::regclass;
begin
	if (select relkind from pg_class where oid = relation) <> 'v' then
		execute format('alter table %s add column %I %s', relation, p_column, p_type);
		return;
	end if;
	execute format('create or replace view %s as select v.*, null::%s as %I from (%s) v', relation,
		p_type, p_column, rtrim(pg_get_viewdef(relation), ';'));
end $$;

-- The hypertable that an aggregate of ours is stored in; null: there is no such aggregate.
create or replace function tally.aggregate_rows(p_name text)
returns text language plpgsql stable as $$
begin
	return (select format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)
		from timescaledb_information.continuous_aggregates
		where view_schema = 'tally' and view_name = p_name);
end $$;

-- Deletes what is older from a rollup above the minutes.  Of an aggregate first whole chunks, which
-- are longer than a day, and then the beginning of one.
create or replace function tally.delete_rollup(p_table text, p_suffix text, p_before timestamptz)
returns void language plpgsql as $$
declare
	relation text := p_table || p_suffix || '_rows';
begin
	if (select relkind from pg_class where oid = format('tally.%I', relation)::regclass) <> 'v' then
		execute format('delete from tally.%I where time < $1', relation) using p_before;
		return;
	end if;
	perform set_config('timescaledb.max_tuples_decompressed_per_dml_transaction', '0', true);
	perform drop_chunks(to_regclass(format('tally.%I', p_table || p_suffix || '_cagg')),
		older_than => p_before);
	execute format('delete from %s where time < $1', tally.aggregate_rows(p_table || p_suffix || '_cagg'))
		using p_before;
end $$;

-- Copies the next days of a rollup into the aggregate that is to replace it, the oldest first, and
-- says how many rows those were; null: all is copied.  What was copied says where to go on.
create or replace function tally.copy_rollup(p_table text, p_suffix text, p_days int)
returns bigint language plpgsql as $$
declare
	copied timestamptz;
	first  timestamptz;
	list   text;
	n      bigint;
begin
	execute format('select max(time) from tally.%I', p_table || p_suffix || '_next') into copied;
	execute format('select min(time) from tally.%I where time > coalesce($1, ''-infinity'')',
		p_table || p_suffix || '_rows') into first using copied;
	if first is null then
		return null;
	end if;
	select string_agg(format('%I', a.attname), ', ') into list
		from pg_attribute a join pg_attribute b on b.attname = a.attname and b.attnum > 0
			and b.attrelid = to_regclass(format('tally.%I', p_table || p_suffix || '_next'))
		where a.attrelid = to_regclass(format('tally.%I', p_table || p_suffix || '_rows'))
			and a.attnum > 0 and not a.attisdropped;
	execute format('insert into %s (%s) select %s from tally.%I where time >= $1 and time < $2',
		tally.aggregate_rows(p_table || p_suffix || '_next'), list, list,
		p_table || p_suffix || '_rows')
		using first, date_bin('1 day', first, 'epoch') + p_days * interval '1 day';
	get diagnostics n = row_count;
	return n;
end $$;

-- Puts X_5min_next in the place of X_5min_rows: other people's views on it, and what is granted on
-- it, stay.
create or replace function tally.replace_rollup(p_table text, p_suffix text)
returns void language plpgsql as $$
declare
	rows_  text := p_table || p_suffix || '_rows';
	next_  text := p_table || p_suffix || '_next';
	gone   text := p_table || p_suffix || '_gone';
	kind   "char" := (select relkind from pg_class where oid = to_regclass(format('tally.%I', rows_)));
	old    oid := to_regclass(format('tally.%I', rows_));
	list   text;
	v      record;
begin
	select string_agg(format('%I', attname), ', ' order by attnum) into list
		from pg_attribute where attrelid = old and attnum > 0 and not attisdropped;
	if kind = 'v' then
		execute format('create or replace view tally.%I as select %s from tally.%I', rows_, list, next_);
		return;
	end if;
	execute format('alter table tally.%I rename to %I', rows_, gone);
	execute format('create view tally.%I as select %s from tally.%I', rows_, list, next_);
	for v in select distinct c.oid, n.nspname, c.relname from pg_depend d
			join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
			join pg_class c on c.oid = r.ev_class and c.relkind = 'v'
			join pg_namespace n on n.oid = c.relnamespace
		where d.refobjid = old and d.refclassid = 'pg_class'::regclass
	loop
		execute format('create or replace view %I.%I as %s', v.nspname, v.relname,
			replace(pg_get_viewdef(v.oid), gone, rows_));
	end loop;
	for v in select a.grantee, a.is_grantable from pg_class c, aclexplode(c.relacl) a
		where c.oid = old and a.privilege_type = 'SELECT' and a.grantee <> c.relowner
	loop
		execute format('grant select on tally.%I to %s%s', rows_,
			case when v.grantee = 0 then 'public' else v.grantee::regrole::text end,
			case when v.is_grantable then ' with grant option' else '' end);
	end loop;
	execute format('drop table tally.%I', gone);
end $$;

-- All that is copied takes its place at once.  An aggregate that somebody has built on stays, under
-- another name, as it is.
create or replace function tally.replace_rollups(p_table text)
returns void language plpgsql as $$
declare
	suffix text;
	name   text;
begin
	foreach suffix in array array['_5min', '_1h', '_1d'] loop
		perform tally.replace_rollup(p_table, suffix);
	end loop;
	foreach suffix in array array['_1d', '_1h', '_5min'] loop
		name := p_table || suffix || '_cagg';
		if tally.aggregate_rows(name) is not null then
			begin
				execute format('drop materialized view tally.%I', name);
			exception when dependent_objects_still_exist then
				execute format('alter materialized view tally.%I rename to %I', name,
					left(name, 40) || to_char(now(), '_YYYYMMDDHH24MISS'));
			end;
		end if;
		execute format('alter materialized view tally.%I rename to %I', p_table || suffix || '_next', name);
	end loop;
end $$;

-- The way back, for a server that is to have none: tables of our own again, with all that there is.
-- While no daemon runs.
create or replace function tally.leave_continuous_aggregates()
returns int language plpgsql as $$
declare
	t      text;
	suffix text;
	n      int := 0;
begin
	for t in select name from tally.tables where tally.aggregate_rows(name || '_5min_cagg') is not null loop
		foreach suffix in array array['_5min', '_1h', '_1d'] loop
			execute format('create table tally.%I (like tally.%I)', t || suffix || '_next', t || suffix || '_rows');
			execute format('insert into tally.%I select * from tally.%I', t || suffix || '_next', t || suffix || '_rows');
			execute format('alter table tally.%I add primary key (_series, time), alter newest set not null, alter rows set not null',
				t || suffix || '_next');
		end loop;
		foreach suffix in array array['_5min', '_1h', '_1d'] loop
			execute format('create or replace view tally.%1$I as select * from tally.%2$I',
				t || suffix || '_rows', t || suffix || '_next');
		end loop;
		foreach suffix in array array['_1d', '_1h', '_5min'] loop
			execute format('drop materialized view tally.%I', t || suffix || '_cagg');
		end loop;
		foreach suffix in array array['_5min', '_1h', '_1d'] loop
			perform tally.become_table(t || suffix || '_rows', t || suffix || '_next');
		end loop;
		n := n + 1;
	end loop;
	return n;
end $$;

-- A view that only shows a table, and those on it, give way to the table.
create or replace function tally.become_table(p_view text, p_table text)
returns void language plpgsql as $$
declare
	old oid := format('tally.%I', p_view)::regclass;
	v   record;
begin
	execute format('alter view tally.%I rename to %I', p_view, p_table || '_was');
	execute format('alter table tally.%I rename to %I', p_table, p_view);
	for v in select distinct c.oid, n.nspname, c.relname from pg_depend d
			join pg_rewrite r on r.oid = d.objid and d.classid = 'pg_rewrite'::regclass
			join pg_class c on c.oid = r.ev_class and c.relkind = 'v' and c.oid <> old
			join pg_namespace n on n.oid = c.relnamespace
		where d.refobjid = old and d.refclassid = 'pg_class'::regclass
	loop
		execute format('create or replace view %I.%I as %s', v.nspname, v.relname,
			replace(pg_get_viewdef(v.oid), p_table || '_was', p_view));
	end loop;
	for v in select a.grantee from pg_class c, aclexplode(c.relacl) a
		where c.oid = old and a.privilege_type = 'SELECT' and a.grantee <> c.relowner
	loop
		execute format('grant select on tally.%I to %s', p_view,
			case when v.grantee = 0 then 'public' else v.grantee::regrole::text end);
	end loop;
	execute format('drop view tally.%I', p_table || '_was');
end $$;

revoke all on function tally.add_rollup_column, tally.delete_rollup, tally.aggregate_rows, tally.copy_rollup,
	tally.replace_rollup, tally.replace_rollups, tally.leave_continuous_aggregates,
	tally.become_table from public;
