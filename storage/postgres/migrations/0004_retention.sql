-- What writers and retention agree on, see epoch.go. One row.
CREATE TABLE retention (
    one      bool        PRIMARY KEY DEFAULT true CHECK (one),
    epoch    bigint      NOT NULL DEFAULT 0,           -- counts sweeps of the dictionaries
    below    bigint      NOT NULL DEFAULT 0,           -- the sweep under way is of rows with lower numbers; 0: there is none
    touched  timestamptz NOT NULL DEFAULT '-infinity', -- when it last did something
    removals bigint      NOT NULL DEFAULT 0,           -- how often something that refers to dictionaries was removed,
    swept    bigint      NOT NULL DEFAULT 0            -- and how often before the last sweep that came to its end
);
INSERT INTO retention DEFAULT VALUES;

-- The numbers that writers learn while a sweep is under way: it leaves their rows.
CREATE TABLE retention_uses (
    id      bigint   GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    epoch   bigint   NOT NULL,
    numbers bigint[] NOT NULL
);

-- A sweep finds the blocks of the label sets that it removes.
CREATE INDEX label_blocks_numbers ON label_blocks (last_id);
