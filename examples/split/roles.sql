-- Who may do what, once per database: the worker makes and fills its tables, the API only reads.
create role tally_worker login;
create role tally_api login;
do $$ begin
	execute format('grant create on database %I to tally_worker', current_database());
end $$;
grant create, usage on schema public to tally_worker;
grant usage on schema public to tally_api;
alter default privileges for role tally_worker grant usage on schemas to tally_api;
alter default privileges for role tally_worker grant select on tables to tally_api;
