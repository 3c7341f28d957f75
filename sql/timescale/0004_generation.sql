-- A database that is made anew is not taken for the one before by a daemon that remembers its series.
update tally.generation set series = (date_part('epoch', clock_timestamp()) * 1e6)::bigint;
