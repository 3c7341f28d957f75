-- Sums of the type of what is summed up, for rollups: sum(bigint) makes a numeric of each, which
-- costs more than all the rest of a row.  One that is too large fails (22003), and is then summed
-- up as before.  Of nothing it is null.
create or replace aggregate tally.total(bigint) (sfunc = int8pl, stype = bigint);
create or replace aggregate tally.total(double precision) (sfunc = float8pl, stype = double precision);
