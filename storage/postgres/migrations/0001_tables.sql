-- What the store consists of. Nothing that a sender chooses is in a btree as it
-- is: content is known by identity, 128 bits of a hash.

CREATE TABLE journals (
    number   int    GENERATED ALWAYS AS IDENTITY PRIMARY KEY CHECK (number BETWEEN 1 AND 32767),
    id       uuid   NOT NULL UNIQUE,
    position bigint NOT NULL
);

CREATE TABLE label_sets (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity    uuid   NOT NULL UNIQUE,
    fingerprint bigint NOT NULL,          -- the 64 bits, so half of them are negative
    alertname   text   NOT NULL,
    severity    text   NOT NULL,
    labels      jsonb  NOT NULL
);
CREATE INDEX label_sets_fingerprint ON label_sets (fingerprint);
CREATE INDEX label_sets_labels ON label_sets USING gin (labels jsonb_path_ops);

CREATE TABLE details (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity      uuid   NOT NULL UNIQUE,
    annotations   jsonb  NOT NULL,
    generator_url text   NOT NULL,
    extra         json
);

CREATE TABLE envelopes (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity     uuid   NOT NULL UNIQUE,
    receiver     text   NOT NULL,
    group_key    text   NOT NULL,
    group_labels jsonb  NOT NULL,
    external_url text   NOT NULL,
    extra        json
);

CREATE TABLE deliveries (
    id               bigint      NOT NULL, -- number of the journal << 48 | position in it
    received_at      timestamptz NOT NULL,
    envelope         bigint      NOT NULL,
    truncated_alerts bigint      NOT NULL,
    events           int         NOT NULL, -- how many: readers size their pages by it
    source           text        NOT NULL,
    request_id       text        NOT NULL,
    PRIMARY KEY (received_at, id)          -- the order of reading
) PARTITION BY RANGE (received_at);

-- Eight columns, so that the bitmap of nulls costs nothing, and no row is
-- padded. Partitions are UTC days.
CREATE TABLE events (
    received_at timestamptz NOT NULL,
    starts_at   timestamptz NOT NULL,
    ends_at     timestamptz,
    delivery    bigint      NOT NULL,
    label_set   bigint      NOT NULL,
    details     bigint      NOT NULL,
    ord         int         NOT NULL,      -- index in the array that was sent
    bits        int         NOT NULL       -- bit 0: resolved; 1-10 and 11-20: nanoseconds of starts_at and ends_at
) PARTITION BY RANGE (received_at);
CREATE INDEX events_received_at ON events USING brin (received_at) WITH (pages_per_range = 32, autosummarize = on);
-- Not (label_set, received_at): each key of that is another, so it takes 45
-- bytes an event where this one, with equal keys in one list, takes 9. The time
-- is left to the partition and to BRIN, whose bitmap is ANDed with this one's.
CREATE INDEX events_label_set ON events (label_set);

CREATE VIEW alert_events AS
SELECT (e.delivery >> 48) || '-' || (e.delivery & 281474976710655) || '-' || e.ord AS id,
       e.received_at,
       d.source,
       v.receiver,
       CASE e.bits & 1 WHEN 0 THEN 'firing' ELSE 'resolved' END AS status,
       l.alertname,
       l.severity,
       lpad(to_hex(l.fingerprint), 16, '0') AS fingerprint,
       e.starts_at,
       e.ends_at,
       l.labels,
       t.annotations,
       t.generator_url,
       v.group_key,
       v.external_url,
       d.request_id,
       v.group_labels,
       d.truncated_alerts,
       t.extra,
       v.extra AS delivery_extra,
       e.delivery,
       e.ord
FROM events e
JOIN deliveries d ON d.received_at = e.received_at AND d.id = e.delivery
JOIN label_sets l ON l.id = e.label_set
JOIN details t ON t.id = e.details
JOIN envelopes v ON v.id = d.envelope;
