-- An index on each tag that is text, by which questions find the few series they are about.  Not of
-- longer texts, which no index holds: they are as good a tag as any.
do $$
declare
	tag record;
begin
	for tag in select t.name || '_series' as relation, c.name
		from tally.tables t join tally.columns c on c."table" = t.name
			join pg_attribute a on a.attname = c.name and not a.attisdropped
				and a.attrelid = to_regclass(format('tally.%I', t.name || '_series'))
		where t.kind in ('series', 'log') and c.role = 'tag' and c.type = 'text'
			and not exists (select from pg_index i
				where i.indrelid = a.attrelid and i.indkey[0] = a.attnum)
		order by 1, c.position
	loop
		execute format('create index on tally.%I (%I) where octet_length(%I) < 2048',
			tag.relation, tag.name, tag.name);
	end loop;
end $$;
