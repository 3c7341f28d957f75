-- What a table declares of itself besides its columns: 1, its rows are kept as long as rollups by day.
ALTER TABLE tally_tables ADD COLUMN flags INTEGER NOT NULL DEFAULT 0;
