-- What becomes of events by folding, see fold.go. All of it can be made anew.

ALTER TABLE journals ADD COLUMN folded INTEGER NOT NULL DEFAULT 0;  -- folded up to here

CREATE TABLE sources (
    number     INTEGER PRIMARY KEY,
    id         BLOB NOT NULL UNIQUE,  -- hash of the name
    name       TEXT NOT NULL,
    first_at   INTEGER NOT NULL,
    last_at    INTEGER NOT NULL,
    deliveries INTEGER NOT NULL,
    truncated  INTEGER NOT NULL,
    rhythm     INTEGER NOT NULL
);

CREATE TABLE episodes (
    number      INTEGER PRIMARY KEY,
    class       INTEGER NOT NULL,  -- of its duration, see fold.ClassOf; 63 is open
    label_set   INTEGER NOT NULL,
    source      INTEGER NOT NULL,
    starts_at   INTEGER NOT NULL,
    until       INTEGER,           -- ends_at of a resolved one, else superseded_at
    bits        INTEGER NOT NULL,  -- of status, starts_at and until, see storage.PackBits; bit 21: its firing never came
    first_at    INTEGER NOT NULL,  -- received
    resolved_at INTEGER NOT NULL,  -- when the last resolve was received; 0 for none
    -- What a repeat changes is in no index.
    last_at     INTEGER NOT NULL,
    receipts    INTEGER NOT NULL,
    details     INTEGER NOT NULL,
    envelope    INTEGER NOT NULL,
    receivers   TEXT NOT NULL      -- JSON array
);
CREATE INDEX episodes_begin ON episodes (starts_at);
CREATE INDEX episodes_class ON episodes (class, starts_at);
CREATE INDEX episodes_alert ON episodes (label_set, starts_at);
CREATE INDEX episodes_open ON episodes (label_set) WHERE class = 63;

-- Beginnings that an episode had before it was moved back.
CREATE TABLE beginnings (
    label_set INTEGER NOT NULL,
    starts_at INTEGER NOT NULL,
    nanos     INTEGER NOT NULL,
    episode   INTEGER NOT NULL,
    PRIMARY KEY (label_set, starts_at, nanos, episode)
) WITHOUT ROWID;

-- A severity is a sender's choice: it is in no key, and compared in the program.
CREATE TABLE minutes (
    number   INTEGER PRIMARY KEY,
    at       INTEGER NOT NULL,  -- the beginning
    severity TEXT NOT NULL,
    firing   INTEGER NOT NULL,
    resolved INTEGER NOT NULL
);
CREATE INDEX minutes_at ON minutes (at);

CREATE VIEW alert_episodes AS
SELECT
    s.name AS source,
    printf('%016x', l.fingerprint) AS fingerprint,
    l.alertname AS alertname,
    l.severity AS severity,
    strftime('%Y-%m-%dT%H:%M:%S', (e.starts_at - (e.starts_at % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (e.starts_at % 1000000 + 1000000) % 1000000) AS starts_at,
    CASE e.bits & 1 WHEN 1 THEN
        strftime('%Y-%m-%dT%H:%M:%S', (e.until - (e.until % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (e.until % 1000000 + 1000000) % 1000000) END AS ends_at,
    strftime('%Y-%m-%dT%H:%M:%S', (e.first_at - (e.first_at % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (e.first_at % 1000000 + 1000000) % 1000000) AS first_received_at,
    strftime('%Y-%m-%dT%H:%M:%S', (e.last_at - (e.last_at % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (e.last_at % 1000000 + 1000000) % 1000000) AS last_received_at,
    e.receipts AS receipts,
    CASE e.bits & 1 WHEN 0 THEN 'firing' ELSE 'resolved' END AS status,
    l.labels AS labels,
    a.annotations AS annotations,
    CASE e.bits & 1 WHEN 0 THEN
        strftime('%Y-%m-%dT%H:%M:%S', (e.until - (e.until % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (e.until % 1000000 + 1000000) % 1000000) END AS superseded_at,
    e.receivers AS receivers,
    e.bits >> 21 & 1 AS resolved_only,
    e.number AS number
FROM episodes e
JOIN sources s ON s.number = e.source
JOIN label_sets l ON l.id = e.label_set
JOIN details a ON a.id = e.details;
