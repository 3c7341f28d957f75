-- Blocks of a thousand lines instead of four, in 16 slices (0 to 15) instead of 64: the maintenance makes all anew,
-- the newest first, and until then lines without a block are read.
delete from tally.text;
