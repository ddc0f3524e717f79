-- The view has the columns that it has in Postgres, in their order.
DROP VIEW alert_episodes;
CREATE VIEW alert_episodes AS
SELECT
    e.number AS id,
    s.name AS source,
    printf('%016x', l.fingerprint) AS fingerprint,
    l.alertname AS alertname,
    l.severity AS severity,
    strftime('%Y-%m-%dT%H:%M:%S', (e.starts_at - (e.starts_at % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (e.starts_at % 1000000 + 1000000) % 1000000) AS starts_at,
    CASE e.bits & 1 WHEN 1 THEN
        strftime('%Y-%m-%dT%H:%M:%S', (e.until - (e.until % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (e.until % 1000000 + 1000000) % 1000000) END AS ends_at,
    CASE e.bits & 1 WHEN 0 THEN
        strftime('%Y-%m-%dT%H:%M:%S', (e.until - (e.until % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (e.until % 1000000 + 1000000) % 1000000) END AS superseded_at,
    strftime('%Y-%m-%dT%H:%M:%S', (e.first_at - (e.first_at % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (e.first_at % 1000000 + 1000000) % 1000000) AS first_received_at,
    strftime('%Y-%m-%dT%H:%M:%S', (e.last_at - (e.last_at % 1000000 + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', (e.last_at % 1000000 + 1000000) % 1000000) AS last_received_at,
    e.receipts AS receipts,
    CASE e.bits & 1 WHEN 0 THEN 'firing' ELSE 'resolved' END AS status,
    e.class = 63 AS open,
    e.bits >> 21 & 1 AS resolved_only,
    e.receivers AS receivers,
    l.labels AS labels,
    a.annotations AS annotations,
    a.generator_url AS generator_url
FROM episodes e
JOIN sources s ON s.number = e.source
JOIN label_sets l ON l.id = e.label_set
JOIN details a ON a.id = e.details;
