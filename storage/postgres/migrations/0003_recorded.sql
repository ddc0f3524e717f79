-- What event recorders sent. The same event is there once: its time is a part of
-- what its identity is a hash of, and stands in front to keep neighbours together.
CREATE TABLE recorded (
    number       bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    happened_at  timestamptz NOT NULL,
    nanos        int         NOT NULL, -- 0 to 999, of happened_at
    id           uuid        NOT NULL,
    received_at  timestamptz NOT NULL,
    source       text        NOT NULL,
    instance     text        NOT NULL,
    kind         text        NOT NULL,
    silence      text        NOT NULL,
    fingerprints bytea       NOT NULL, -- eight bytes each
    keys         bigint[]    NOT NULL, -- of recorded_keys
    body         text        NOT NULL, -- JSON, as it was sent
    UNIQUE (happened_at, id)
);
CREATE INDEX recorded_age ON recorded (received_at);

-- How they are found: by kind, instance, silence and fingerprint, each as 64 bits
-- of a hash, and all of them by one key.
CREATE TABLE recorded_keys (
    key         bigint      NOT NULL,
    happened_at timestamptz NOT NULL,
    number      bigint      NOT NULL,
    PRIMARY KEY (key, happened_at, number)
);
