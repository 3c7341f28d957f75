-- Rollups per five minutes, between those per minute, of which they are made, and those per hour;
-- their tables are made by who opens the file.
-- level: 0 the rows themselves, 1 minutes, 2 five minutes, 3 hours, 4 days.
UPDATE tally_rollups SET level = 4 WHERE level = 3;
UPDATE tally_rollups SET level = 3 WHERE level = 2;
UPDATE tally_late SET level = 4 WHERE level = 3;
UPDATE tally_late SET level = 3 WHERE level = 2;
INSERT INTO tally_rollups ("table", level, kept_from) SELECT "table", 2, kept_from FROM tally_rollups WHERE level = 1;
