-- Times as text of fixed width, so that they sort. The remainder is taken so
-- that it is never negative, which makes the seconds a floor before 1970 too;
-- SQLite's own division rounds towards zero, and its fractions are floats.
CREATE VIEW alert_events AS
SELECT
    (e.delivery >> 48) || '-' || (e.delivery & 281474976710655) || '-' || e.ord AS id,
    strftime('%Y-%m-%dT%H:%M:%S', (e.received_at - (e.received_at % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (e.received_at % 1000000 + 1000000) % 1000000) AS received_at,
    d.source AS source,
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
    d.request_id AS request_id,
    v.group_labels AS group_labels,
    d.truncated_alerts AS truncated_alerts,
    a.extra AS extra,
    v.extra AS delivery_extra,
    e.delivery AS delivery,
    e.ord AS ord
FROM events e
JOIN deliveries d ON d.id = e.delivery
JOIN envelopes v ON v.id = d.envelope
JOIN label_sets l ON l.id = e.label_set
JOIN details a ON a.id = e.details;
