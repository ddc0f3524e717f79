-- Episodes, sources and minutes, all of them made of the events that there are: a
-- process folds what it writes, and what is older from position 0 on.

ALTER TABLE journals
    ADD folded    bigint NOT NULL DEFAULT 0,             -- up to where it is folded
    ADD folded_at timestamptz,                           -- nothing behind that was received before; null: unknown
    ADD moved_at  timestamptz NOT NULL DEFAULT now();    -- when position moved: its process may be gone

CREATE TABLE sources (
    number           int         GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    identity         uuid        NOT NULL UNIQUE,        -- 128 bits of the name's hash
    name             text        NOT NULL,
    first_at         timestamptz NOT NULL,
    last_at          timestamptz NOT NULL,
    deliveries       bigint      NOT NULL,
    truncated_alerts bigint      NOT NULL,
    rhythm           bigint      NOT NULL                -- microseconds
);

CREATE TABLE minutes (
    at       timestamptz NOT NULL,
    identity uuid        NOT NULL,                       -- 128 bits of the severity's hash
    severity text        NOT NULL,
    firing   bigint      NOT NULL,
    resolved bigint      NOT NULL,
    PRIMARY KEY (at, identity)
);

CREATE SEQUENCE episode_numbers MINVALUE 1;

-- A repeat changes last_received_at, receipts, details and envelope: none of them is
-- in an index, so that the row is written anew in its page, which has room for that.
CREATE TABLE episodes (
    number            bigint      PRIMARY KEY,
    label_set         bigint      NOT NULL,
    details           bigint      NOT NULL,              -- of the last receipt
    envelope          bigint      NOT NULL,              -- of the last receipt
    starts_at         timestamptz NOT NULL,
    ends_at           timestamptz,
    superseded_at     timestamptz,
    first_received_at timestamptz NOT NULL,
    last_received_at  timestamptz NOT NULL,
    resolved_at       timestamptz,                       -- when the last resolve was received, if it is resolved
    receipts          bigint      NOT NULL,
    source            int         NOT NULL,
    bits              int         NOT NULL,              -- bit 0: resolved; 1-10, 11-20, 21-30: nanoseconds of starts_at, ends_at, superseded_at
    class             smallint    NOT NULL,              -- by its duration: less than 2^(class+20) microseconds; 63: no end
    unfired           boolean     NOT NULL,
    receivers         text[]      NOT NULL
) WITH (fillfactor = 75);
CREATE INDEX episodes_starts_at ON episodes (starts_at, number);
CREATE INDEX episodes_class ON episodes (class, starts_at, number);
CREATE INDEX episodes_label_set ON episodes (label_set, starts_at, number);
CREATE INDEX episodes_open ON episodes (label_set, source) WHERE class = 63;

-- The beginnings that episodes had before they were moved.
CREATE TABLE episode_beginnings (
    label_set bigint      NOT NULL,
    starts_at timestamptz NOT NULL,
    source    int         NOT NULL,
    nanos     smallint    NOT NULL,
    episode   bigint      NOT NULL,
    PRIMARY KEY (label_set, starts_at, source, nanos)
);
CREATE INDEX episode_beginnings_episode ON episode_beginnings (episode);

CREATE VIEW alert_episodes AS
SELECT e.number AS id,
       s.name AS source,
       lpad(to_hex(l.fingerprint), 16, '0') AS fingerprint,
       l.alertname,
       l.severity,
       e.starts_at,
       e.ends_at,
       e.superseded_at,
       e.first_received_at,
       e.last_received_at,
       e.receipts,
       CASE e.bits & 1 WHEN 0 THEN 'firing' ELSE 'resolved' END AS status,
       e.class = 63 AS open,
       e.unfired AS resolved_only,
       e.receivers,
       l.labels::jsonb AS labels,
       t.annotations::jsonb AS annotations,
       t.generator_url
FROM episodes e
JOIN sources s ON s.number = e.source
JOIN label_sets l ON l.id = e.label_set
JOIN details t ON t.id = e.details;
