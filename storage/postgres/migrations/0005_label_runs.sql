-- How label sets are found by what is in them, from now on: an index in sorted
-- runs, each written once. See docs/adr/0020-runs-of-keys.md.
CREATE TABLE label_runs (
    number   bigint PRIMARY KEY,
    first_id bigint NOT NULL,             -- the run is of these label sets and some between
    last_id  bigint NOT NULL,
    sets     bigint NOT NULL
);

-- The pages of runs, from entry (key, number) on, packed as in package runs.
CREATE TABLE label_pages (
    run    bigint NOT NULL,
    key    bigint NOT NULL,
    number bigint NOT NULL,
    packed bytea  NOT NULL,
    PRIMARY KEY (run, key, number)
);
ALTER TABLE label_pages ALTER packed SET STORAGE EXTERNAL;

-- It waits for whoever writes label sets still as an earlier program does; from
-- here on none of these can.
DROP TABLE label_blocks;

-- One row as long as label sets behind that number are still to be indexed.
CREATE TABLE label_indexing (behind bigint NOT NULL);
INSERT INTO label_indexing SELECT 0 WHERE EXISTS (SELECT FROM label_sets);
