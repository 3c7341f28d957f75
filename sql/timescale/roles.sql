-- Who may do what in tallyd's database: makes the roles that are not there yet and grants what each
-- needs, no more.  Run by psql, in that database, as a superuser, or as its owner once the roles are
-- there:
--
--   psql -d tally -v migrator=tally_migrator -v writer=tally_writer -v reader=tally_reader -f roles.sql
--
-- migrator: makes and changes tables, maintains, may write.  Without writer= there is none, and without
-- reader= neither.  views=NAME is the option schema of output.timescale, if it is not public.
--
-- May be run at any time and again, also before there is a table: a writer gets its rights only when
-- there are some.  After an upgrade, or when a plugin brought tables, run it again after `tallyd db
-- migrate`: a new function is only then allowed to writers, and what they may do with new tables at
-- once, by the defaults below, is narrowed.
\set ON_ERROR_STOP on
\set QUIET on
\if :{?migrator}
\else
	do $$ begin raise exception 'who makes the tables? -v migrator=NAME'; end $$;
\endif
\if :{?views}
\else
	\set views public
\endif

begin;
set local client_min_messages = warning;

-- Nobody's password is made here.
select format('create role %I login', :'migrator') where to_regrole(quote_ident(:'migrator')) is null \gexec
select format('grant create on database %I to %I', current_database(), :'migrator') \gexec
create schema if not exists tally authorization :"migrator";
select format('create schema %I authorization %I', :'views', :'migrator')
	where to_regnamespace(quote_ident(:'views')) is null \gexec
grant usage, create on schema :"views" to :"migrator";

select to_regclass('tally.tables') is not null as made \gset

\if :{?writer}
	select format('create role %I login', :'writer') where to_regrole(quote_ident(:'writer')) is null \gexec
	grant usage on schema tally, :"views" to :"writer";
	revoke all on all tables in schema tally from :"writer";
	\if :made
		-- What there is, what is stored, how far it is rolled up: to be looked at.
		grant select on all tables in schema tally to :"writer";
		select format('grant select on %I.%I to %I', n.nspname, c.relname, :'writer')
			from pg_class c join pg_namespace n on n.oid = c.relnamespace
			where n.nspname = :'views' and c.relkind = 'v' and c.relowner = to_regrole(quote_ident(:'migrator')) \gexec
		-- Its own last writes, minutes to roll up again, and rows: also those of others, since a
		-- row does not say whose it is.  None of it may be deleted but entries of the ledger that
		-- are settled; only what is the newest of a thing is overwritten.
		grant insert, update on tally.ledger to :"writer";
		grant insert, delete on tally.ledger_ahead to :"writer";
		grant insert on tally.late to :"writer";
		select format('grant insert on tally.%I to %I', name || '_series', :'writer')
			from tally.tables where to_regclass(format('tally.%I', name || '_series')) is not null \gexec
		select format('grant %s on tally.%I to %I', case kind when 'state' then 'insert, update' else 'insert' end,
				name || '_rows', :'writer')
			from tally.tables where to_regclass(format('tally.%I', name || '_rows')) is not null \gexec
		grant execute on function tally.ledger_advance, tally.ledger_note, tally.hold_series, tally.note_late,
			tally.make_partitions to :"writer";
		-- So that rows of a table that comes later, or comes back, are written at once.
		alter default privileges for role :"migrator" in schema tally
			grant select, insert, update on tables to :"writer";
		alter default privileges for role :"migrator" in schema :"views"
			grant select on tables to :"writer";
	\endif
	-- As it was granted by earlier versions of this text.
	alter default privileges for role :"migrator" in schema tally revoke delete on tables from :"writer";
	alter default privileges for role :"migrator" in schema tally revoke usage on sequences from :"writer";
	revoke all on all sequences in schema tally from :"writer";
\endif

\if :{?reader}
	-- Questions of the API have a deadline of their own; this is for who asks by hand.
	select format('create role %1$I login; alter role %1$I set statement_timeout = ''30s''', :'reader')
		where to_regrole(quote_ident(:'reader')) is null \gexec
	grant usage on schema tally, :"views" to :"reader";
	grant select on all tables in schema tally to :"reader";
	select format('grant select on %I.%I to %I', n.nspname, c.relname, :'reader')
		from pg_class c join pg_namespace n on n.oid = c.relnamespace
		where n.nspname = :'views' and c.relkind = 'v' and c.relowner = to_regrole(quote_ident(:'migrator')) \gexec
	alter default privileges for role :"migrator" in schema tally grant select on tables to :"reader";
	alter default privileges for role :"migrator" in schema :"views" grant select on tables to :"reader";
\endif

commit;
