-- What the store consists of. Nothing that a sender chooses is in a btree as it
-- is: content is known by identity, 128 bits of a hash.

CREATE TABLE journals (
    number   int    GENERATED ALWAYS AS IDENTITY PRIMARY KEY CHECK (number BETWEEN 1 AND 32767),
    id       uuid   NOT NULL UNIQUE,
    position bigint NOT NULL
);

-- Numbers of dictionary rows are given out by the processes: each value of this
-- sequence stands for 1 024 of them.
CREATE SEQUENCE dictionary_blocks MINVALUE 1;

-- JSON is text here, and jsonb in the views: nobody but them takes it apart.
CREATE TABLE label_sets (
    id          bigint   PRIMARY KEY,
    identity    uuid     NOT NULL UNIQUE,
    fingerprint bigint   NOT NULL,        -- the 64 bits, so half of them are negative
    labels      text     NOT NULL,
    alertname   text     NOT NULL,
    severity    text     NOT NULL
);

-- How label sets are found by what is in them: each belongs to one block, which
-- has the keys of all its sets, each once. A key is 64 bits: a label's hash, or a
-- fingerprint. Blocks are written with their sets and never changed.
CREATE TABLE label_blocks (
    first_id bigint   NOT NULL,           -- the sets with these numbers and all between
    last_id  bigint   NOT NULL,
    keys     bigint[] NOT NULL
);
CREATE INDEX label_blocks_keys ON label_blocks USING gin (keys) WITH (gin_pending_list_limit = 4096);

CREATE TABLE details (
    id            bigint PRIMARY KEY,
    identity      uuid   NOT NULL UNIQUE,
    annotations   text   NOT NULL,
    generator_url text   NOT NULL,
    extra         json
);

CREATE TABLE envelopes (
    id           bigint PRIMARY KEY,
    identity     uuid   NOT NULL UNIQUE,
    receiver     text   NOT NULL,
    group_key    text   NOT NULL,
    group_labels text   NOT NULL,
    external_url text   NOT NULL,
    extra        json
);

-- A delivery with its events, which are arrays: element n of each belongs to the
-- event with index first_event + n - 1. A row holds up to 32 events, so that it
-- stays in its page; a delivery of more has several rows, its parts, and a new
-- part begins where elements of the array that was sent are missing.
-- Partitions are UTC days.
CREATE TABLE deliveries (
    received_at      timestamptz   NOT NULL,
    id               bigint        NOT NULL, -- number of the journal << 48 | position in it
    part             int           NOT NULL, -- from 0
    first_event      int           NOT NULL,
    envelope         bigint        NOT NULL,
    truncated_alerts bigint        NOT NULL,
    events           int           NOT NULL, -- of all parts: readers size their pages by it
    source           text          NOT NULL,
    request_id       text          NOT NULL,
    label_sets       bigint[]      NOT NULL,
    details          bigint[]      NOT NULL,
    starts_at        timestamptz[] NOT NULL,
    ends_at          timestamptz[],          -- null: all are open
    bits             int[],                  -- bit 0: resolved; 1-10 and 11-20: nanoseconds of starts_at and ends_at; null: all 0
    PRIMARY KEY (received_at, id, part)      -- the order of reading
) PARTITION BY RANGE (received_at);
-- New rows wait in a list that is merged into the index when it has this many
-- KiB: sorted, so that a storm touches each of its pages once a merge and not
-- once a row. Readers read the list as well.
CREATE INDEX deliveries_label_sets ON deliveries USING gin (label_sets) WITH (gin_pending_list_limit = 4096);

CREATE VIEW alert_events AS
SELECT (d.id >> 48) || '-' || (d.id & 281474976710655) || '-' || (d.first_event + e.n - 1) AS id,
       d.received_at,
       d.source,
       v.receiver,
       CASE coalesce(e.bits, 0) & 1 WHEN 0 THEN 'firing' ELSE 'resolved' END AS status,
       l.alertname,
       l.severity,
       lpad(to_hex(l.fingerprint), 16, '0') AS fingerprint,
       e.starts_at,
       e.ends_at,
       l.labels::jsonb AS labels,
       t.annotations::jsonb AS annotations,
       t.generator_url,
       v.group_key,
       v.external_url,
       d.request_id,
       v.group_labels::jsonb AS group_labels,
       d.truncated_alerts,
       t.extra,
       v.extra AS delivery_extra,
       d.id AS delivery,
       (d.first_event + e.n - 1)::int AS ord
FROM deliveries d
CROSS JOIN LATERAL unnest(d.label_sets, d.details, d.starts_at, d.ends_at, d.bits)
    WITH ORDINALITY AS e (label_set, details, starts_at, ends_at, bits, n)
JOIN label_sets l ON l.id = e.label_set
JOIN details t ON t.id = e.details
JOIN envelopes v ON v.id = d.envelope;
