-- Blocks in 32 slices (0 to 31) instead of 16, of which a search reads half as many bytes: the maintenance makes all anew,
-- the newest first, and until then lines without a block are read.
delete from tally.text;
