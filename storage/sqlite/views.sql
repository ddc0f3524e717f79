-- Times as text of fixed width, so that they sort. The remainder is taken so
-- that it is never negative, which makes the seconds a floor before 1970 too;
-- SQLite's own division rounds towards zero, and its fractions are floats.
CREATE VIEW alert_events AS
SELECT
    (e.delivery >> 48) || '-' || (e.delivery & 281474976710655) || '-' || e.ord AS id,
    strftime('%Y-%m-%dT%H:%M:%S', (e.received_at - (e.received_at % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (e.received_at % 1000000 + 1000000) % 1000000) AS received_at,
    e.heading ->> 6 AS source,
    v.receiver AS receiver,
    CASE e.bits & 1 WHEN 0 THEN 'firing' ELSE 'resolved' END AS status,
    l.alertname AS alertname,
    l.severity AS severity,
    printf('%016x', l.fingerprint) AS fingerprint,
    strftime('%Y-%m-%dT%H:%M:%S', (e.starts_at - (e.starts_at % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (e.starts_at % 1000000 + 1000000) % 1000000) AS starts_at,
    strftime('%Y-%m-%dT%H:%M:%S', (e.ends_at - (e.ends_at % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (e.ends_at % 1000000 + 1000000) % 1000000) AS ends_at,
    l.labels AS labels,
    a.annotations AS annotations,
    a.generator_url AS generator_url,
    v.group_key AS group_key,
    v.external_url AS external_url,
    e.heading ->> 7 AS request_id,
    v.group_labels AS group_labels,
    e.heading ->> 3 AS truncated_alerts,
    a.extra AS extra,
    v.extra AS delivery_extra,
    e.delivery AS delivery,
    e.ord AS ord
FROM (
    SELECT
        b.id + (b.deliveries -> (e.value ->> 0) ->> 0) AS delivery,
        b.first_at + (b.deliveries -> (e.value ->> 0) ->> 1) AS received_at,
        b.deliveries -> (e.value ->> 0) AS heading,
        e.value ->> 1 AS label_set,
        e.value ->> 2 AS details,
        b.first_at + (e.value ->> 3) AS starts_at,
        coalesce(e.value ->> 4, 0) AS bits,
        b.first_at + (e.value ->> 5) AS ends_at,
        coalesce(e.value ->> 6, e.key - (b.deliveries -> (e.value ->> 0) ->> 5)) AS ord
    FROM bundles b, json_each(b.events) e
) e
JOIN envelopes v ON v.id = e.heading ->> 2
JOIN label_sets l ON l.id = e.label_set
JOIN details a ON a.id = e.details;
