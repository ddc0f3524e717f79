package alert

// Removed counts what a step of retention has removed.
type Removed struct {
	Pieces   int64 // of events: day partitions in Postgres, bundles of deliveries in SQLite
	Entries  int64 // rows of the dictionaries
	Episodes int64
}

// Add adds what another step has removed.
func (r *Removed) Add(o Removed) {
	r.Pieces += o.Pieces
	r.Entries += o.Entries
	r.Episodes += o.Episodes
}
