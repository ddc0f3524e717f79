-- Two indexes in place of four, see docs/adr/0021: each new episode is written in
-- all there are. What began at a time is found class by class, and what is open
-- of a label set where its open ones are.
DROP INDEX episodes_begin;
DROP INDEX episodes_open;
DROP INDEX episodes_alert;
CREATE INDEX episodes_alert ON episodes (label_set, class = 63, starts_at);
