// Package fold makes episodes of receipts. It knows the rules (alert.Episode says
// them) and no tables: a store gives it what it has written, asks for what came of
// that when it is time to fold, loads the episodes in question, has the rules applied
// and writes what has changed. Alerts, details and envelopes are the store's numbers.
//
//	Write  ──batch──▶ Pending.Add                     after each commit
//	Fold   ◀──alerts, sources, minutes── Pending      in one transaction
//	       ──states of an alert──▶ Pending.Fold ──▶ changed and new states
//	       journals.folded = Pending.To, then Pending.Reset
//
// Events that are read again from the tables, after a crash or for a rebuild, go
// the same way, through a Pending of their own (Begin, Deliver, Receive, Reach). What
// is new in them is told from what was folded before by Reached.
package fold
