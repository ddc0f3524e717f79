-- What writers and retention agree on, see retention.go. One row.
CREATE TABLE retention (
    epoch    INTEGER NOT NULL,  -- counts sweeps of the dictionaries
    removals INTEGER NOT NULL,  -- how often something that refers to them was removed,
    swept    INTEGER NOT NULL   -- and how often before the last sweep that came to its end
);
INSERT INTO retention VALUES (0, 0, 0);
