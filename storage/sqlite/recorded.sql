-- What event recorders sent. The same event is there once: its time is a part of
-- what its identity is a hash of, and stands in front to keep neighbours together.
CREATE TABLE recorded (
    number       INTEGER PRIMARY KEY,
    happened_at  INTEGER NOT NULL,
    nanos        INTEGER NOT NULL,  -- 0 to 999, of happened_at
    id           BLOB NOT NULL,
    received_at  INTEGER NOT NULL,
    source       TEXT NOT NULL,
    instance     TEXT NOT NULL,
    kind         TEXT NOT NULL,
    silence      TEXT NOT NULL,
    fingerprints BLOB NOT NULL,     -- eight bytes each
    body         TEXT NOT NULL,     -- JSON, as it was sent
    UNIQUE (happened_at, id)
);
CREATE INDEX recorded_age ON recorded (received_at);

-- How they are found: by kind, instance, silence and fingerprint, each as 64 bits
-- of a hash, and all of them by one key, see storage.AppendRecordedKeys.
CREATE TABLE recorded_keys (
    key         INTEGER NOT NULL,
    happened_at INTEGER NOT NULL,
    number      INTEGER NOT NULL,
    PRIMARY KEY (key, happened_at, number)
) WITHOUT ROWID;
