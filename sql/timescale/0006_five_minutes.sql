-- Rollups per five minutes, between those per minute, of which they are made, and those per hour.
-- In tally.marks they are level 4.
do $$
declare
	t     text;
	v     record;
	empty bool;
begin
	for t in select name from tally.tables
		where kind = 'series' and to_regclass(format('tally.%I', name || '_1min_rows')) is not null
		order by name
	loop
		execute format('create table tally.%I (like tally.%I including all)',
			t || '_5min_rows', t || '_1h_rows');
		for v in select n.nspname as schema, pg_get_viewdef(c.oid) as definition
			from pg_class c join pg_namespace n on n.oid = c.relnamespace
			where c.relname = t || '_1h' and c.relkind = 'v'
				and position('tally.' || t || '_1h_rows' in pg_get_viewdef(c.oid)) > 0
		loop
			execute format('create view %I.%I as %s', v.schema, t || '_5min',
				replace(v.definition, t || '_1h_rows', t || '_5min_rows'));
		end loop;
		execute format('select not exists (select from tally.%I)', t || '_1min_rows') into empty;
		insert into tally.marks ("table", level, rolled_to, kept_from)
			select "table", 4, case when empty then date_bin('5 minutes', rolled_to, 'epoch') end, kept_from
			from tally.marks where "table" = t and level = 1;
	end loop;
end $$;
