-- Times are integers, microseconds since 1970. Numbers of 64 bits without a
-- sign are held as the same bits with one. Text is in its stored form, see
-- storage.Escape. What a sender chooses is in no key but by its hash.

CREATE TABLE journals (
    number    INTEGER PRIMARY KEY,
    id        BLOB NOT NULL UNIQUE,
    position  INTEGER NOT NULL,  -- stored up to here
    last_at   INTEGER NOT NULL,  -- when the last delivery was received
    indexed   INTEGER NOT NULL,  -- in postings up to here
    unindexed INTEGER NOT NULL   -- what came after that, see the weight of a tail
);

CREATE TABLE label_sets (
    id          INTEGER PRIMARY KEY,
    fingerprint INTEGER NOT NULL,
    alertname   TEXT NOT NULL,
    severity    TEXT NOT NULL,
    labels      TEXT NOT NULL
);

CREATE TABLE details (
    id            INTEGER PRIMARY KEY,
    annotations   TEXT NOT NULL,
    generator_url TEXT NOT NULL,
    extra         TEXT
);

CREATE TABLE envelopes (
    id           INTEGER PRIMARY KEY,
    receiver     TEXT NOT NULL,
    group_key    TEXT NOT NULL,
    group_labels TEXT NOT NULL,
    external_url TEXT NOT NULL,
    extra        TEXT
);

-- The numbers of dictionary rows by identity, and those of label sets by
-- fingerprint, see identities.go. Kinds are those of alert.EntryKind, and one more.
CREATE TABLE layers (
    number INTEGER PRIMARY KEY,
    kind   INTEGER NOT NULL,
    size   INTEGER NOT NULL,  -- entries
    bits   INTEGER NOT NULL   -- their rows differ in so many bits of the identity
);
CREATE TABLE identities (
    id    INTEGER PRIMARY KEY,  -- layer << 32 | first bits of the identities
    slots BLOB NOT NULL         -- identities with the number of each, sorted
);

-- A bundle is some consecutive deliveries of a journal with their events. Times
-- in it are differences to first_at, positions to that of the first delivery.
--
-- An element of deliveries:
--     [position, received_at, envelope, truncated_alerts, events, base, source, request_id]
-- The index of an event in its delivery is its place in events, less base.
--
-- An element of events, where what is at the end and missing is 0, null and that:
--     [place of its delivery in deliveries, label_set, details, starts_at, bits, ends_at, index]
CREATE TABLE bundles (
    id         INTEGER PRIMARY KEY,  -- of the first delivery: journal number << 48 | position
    first_at   INTEGER NOT NULL,     -- when the first delivery was received
    last_at    INTEGER NOT NULL,     -- and the last, no more than a second later
    alerts     INTEGER NOT NULL,     -- how many events there are
    deliveries TEXT NOT NULL,
    events     TEXT NOT NULL
);
CREATE INDEX bundles_time ON bundles (last_at);

-- The index of events by label set comes in runs, see index.go.
CREATE TABLE runs (
    number     INTEGER PRIMARY KEY,
    first      INTEGER NOT NULL,  -- id of its first bundle
    first_at   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL
);
CREATE INDEX runs_time ON runs (last_at);

CREATE TABLE postings (
    id   INTEGER PRIMARY KEY,  -- run << 40 | first label set
    sets BLOB NOT NULL         -- label sets with the bundles of each
);
