-- Times are integers, microseconds since 1970. Numbers of 64 bits without a
-- sign are held as the same bits with one. Text is in its stored form, see
-- storage.Escape. What a sender chooses is in no key but by its hash.

CREATE TABLE journals (
    number    INTEGER PRIMARY KEY,
    id        BLOB NOT NULL UNIQUE,
    position  INTEGER NOT NULL,  -- stored up to here
    indexed   INTEGER NOT NULL,  -- in events_by_set up to here
    unindexed INTEGER NOT NULL   -- how many events came after that
);

CREATE TABLE label_sets (
    id          INTEGER PRIMARY KEY,
    identity    BLOB NOT NULL UNIQUE,
    fingerprint INTEGER NOT NULL,
    alertname   TEXT NOT NULL,
    severity    TEXT NOT NULL,
    labels      TEXT NOT NULL
);
CREATE INDEX label_sets_fingerprint ON label_sets (fingerprint);

CREATE TABLE details (
    id            INTEGER PRIMARY KEY,
    identity      BLOB NOT NULL UNIQUE,
    annotations   TEXT NOT NULL,
    generator_url TEXT NOT NULL,
    extra         TEXT
);

CREATE TABLE envelopes (
    id           INTEGER PRIMARY KEY,
    identity     BLOB NOT NULL UNIQUE,
    receiver     TEXT NOT NULL,
    group_key    TEXT NOT NULL,
    group_labels TEXT NOT NULL,
    external_url TEXT NOT NULL,
    extra        TEXT
);

CREATE TABLE deliveries (
    id               INTEGER PRIMARY KEY,  -- journal number << 48 | position
    received_at      INTEGER NOT NULL,
    source           TEXT NOT NULL,
    envelope         INTEGER NOT NULL,
    request_id       TEXT NOT NULL,
    truncated_alerts INTEGER NOT NULL,
    events           INTEGER NOT NULL
);
CREATE INDEX deliveries_time ON deliveries (received_at);

CREATE TABLE events (
    delivery    INTEGER NOT NULL,
    ord         INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    starts_at   INTEGER NOT NULL,
    ends_at     INTEGER,           -- null when open
    label_set   INTEGER NOT NULL,
    details     INTEGER NOT NULL,
    bits        INTEGER NOT NULL,  -- status and nanoseconds, see storage.PackBits
    PRIMARY KEY (delivery, ord)
) WITHOUT ROWID;

-- The index of events by label set, filled some thousand events at a time: see
-- index.go.
CREATE TABLE events_by_set (
    label_set   INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    delivery    INTEGER NOT NULL,
    ord         INTEGER NOT NULL,
    PRIMARY KEY (label_set, received_at, delivery, ord)
) WITHOUT ROWID;
