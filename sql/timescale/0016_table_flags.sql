-- What a table declares of itself besides its columns: 1, its rows are kept as long as rollups by day.
alter table tally.tables add column if not exists flags int not null default 0;
