-- Blocks in 32 slices (0 to 31) instead of 16, so that a row takes no page of its own besides: the maintenance makes all
-- anew, the newest first, and until then lines without a block are read.
DELETE FROM tally_text;
