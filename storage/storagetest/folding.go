package storagetest

import (
	"cmp"
	"slices"

	"stormdrain/internal/alert"
)

// Folding is what a store must make of deliveries beside the events, in the
// plainest form: it keeps every receipt with the episode that it belongs to, and
// works an episode out of its receipts from the beginning whenever it is asked.
// Stores, and the rules of storage/fold, are compared with it.
type Folding struct {
	alerts  []*foldedAlert
	sources []*alert.Source
	minutes map[minuteKey]*alert.Minute
}

type minuteKey struct {
	at       int64
	severity string
}

// foldedAlert is one source and label set.
type foldedAlert struct {
	source   string
	labels   *alert.LabelSet
	episodes []*foldedEpisode
}

// foldedEpisode is what happened to an episode, in order.
type foldedEpisode struct {
	starts []alert.Time // all that it has had
	log    []happening
	number int64 // the store's, once it is known
}

// happening is a receipt, or the beginning of another episode.
type happening struct {
	alert      *Alert
	delivery   *Delivery
	superseded alert.Time // where alert is nil
}

// Add folds a delivery.
func (f *Folding) Add(d *Delivery) {
	f.addSource(d)
	for i := range d.Alerts {
		f.addMinute(d, &d.Alerts[i])
		f.receive(d, &d.Alerts[i])
	}
}

func (f *Folding) addSource(d *Delivery) {
	for _, s := range f.sources {
		if s.Name == d.Source {
			pause := max(0, d.ReceivedAt-s.LastAt)
			s.Rhythm = max(pause, s.Rhythm-s.Rhythm/10)
			s.FirstAt, s.LastAt = min(s.FirstAt, d.ReceivedAt), max(s.LastAt, d.ReceivedAt)
			s.Deliveries++
			s.Truncated += d.TruncatedAlerts
			return
		}
	}
	f.sources = append(f.sources, &alert.Source{Name: d.Source, FirstAt: d.ReceivedAt, LastAt: d.ReceivedAt, Deliveries: 1, Truncated: d.TruncatedAlerts})
}

func (f *Folding) addMinute(d *Delivery, a *Alert) {
	at := d.ReceivedAt
	for at%60e6 != 0 {
		at -= (at%60e6 + 60e6) % 60e6
	}
	key := minuteKey{at, alert.Value(a.Labels.Labels, "severity")}
	if f.minutes == nil {
		f.minutes = map[minuteKey]*alert.Minute{}
	}
	m := f.minutes[key]
	if m == nil {
		m = &alert.Minute{At: key.at, Severity: key.severity}
		f.minutes[key] = m
	}
	if a.Status == alert.Firing {
		m.Firing++
	} else {
		m.Resolved++
	}
}

func (f *Folding) alertOf(source string, labels *alert.LabelSet) *foldedAlert {
	for _, a := range f.alerts {
		if a.source == source && a.labels.Fingerprint == labels.Fingerprint && slices.Equal(a.labels.Labels, labels.Labels) {
			return a
		}
	}
	a := &foldedAlert{source: source, labels: labels}
	f.alerts = append(f.alerts, a)
	return a
}

func (f *Folding) receive(d *Delivery, a *Alert) {
	of := f.alertOf(d.Source, &a.Labels)
	open := of.open(nil)
	for _, e := range of.episodes {
		if slices.Contains(e.starts, a.StartsAt) {
			e.log = append(e.log, happening{alert: a, delivery: d})
			// It may go on, beside another: then the one that began first has been superseded.
			if other := of.open(e); other != nil && e.episode(of).Open() {
				first, last := e, other
				if earlier(last.begin(), first.begin()) {
					first, last = last, first
				}
				first.log = append(first.log, happening{superseded: last.begin()})
			}
			return
		}
	}
	if open != nil && earlier(a.StartsAt, open.begin()) {
		open.starts = append(open.starts, a.StartsAt)
		open.log = append(open.log, happening{alert: a, delivery: d})
		return
	}
	if open != nil {
		open.log = append(open.log, happening{superseded: a.StartsAt})
	}
	of.episodes = append(of.episodes, &foldedEpisode{starts: []alert.Time{a.StartsAt}, log: []happening{{alert: a, delivery: d}}})
}

// open returns the open episode that is not but, or nil.
func (a *foldedAlert) open(but *foldedEpisode) *foldedEpisode {
	for _, e := range a.episodes {
		if e != but && e.episode(a).Open() {
			return e
		}
	}
	return nil
}

func (e *foldedEpisode) begin() alert.Time { return slices.MinFunc(e.starts, compareTimes) }

func compareTimes(a, b alert.Time) int {
	return cmp.Or(cmp.Compare(a.Micros, b.Micros), cmp.Compare(a.Nanos, b.Nanos))
}

func earlier(a, b alert.Time) bool { return compareTimes(a, b) < 0 }

// episode works e out.
func (e *foldedEpisode) episode(of *foldedAlert) *alert.Episode {
	out := &alert.Episode{
		Number: e.number, Source: of.source, StartsAt: e.begin(), EndsAt: alert.NoTime, Superseded: alert.NoTime,
		Unfired: true, Labels: of.labels,
	}
	var ends []alert.Time // of the resolves that count
	var lastResolve int64
	for _, h := range e.log {
		if h.alert == nil {
			out.Superseded = h.superseded
			continue
		}
		at := h.delivery.ReceivedAt
		if out.Receipts == 0 {
			out.FirstReceivedAt, out.LastReceivedAt = at, at
		}
		out.Receipts++
		out.FirstReceivedAt, out.LastReceivedAt = min(out.FirstReceivedAt, at), max(out.LastReceivedAt, at)
		out.Details, out.Envelope = &h.alert.Details, &h.delivery.Envelope
		if !slices.Contains(out.Receivers, h.delivery.Envelope.Receiver) {
			out.Receivers = append(out.Receivers, h.delivery.Envelope.Receiver)
		}
		switch {
		case h.alert.Status == alert.Resolved:
			end := h.alert.EndsAt
			if end.IsNone() {
				end = alert.Time{Micros: at}
			}
			if len(ends) == 0 {
				lastResolve = at
			}
			ends, lastResolve = append(ends, end), max(lastResolve, at)
			out.Superseded = alert.NoTime
		case len(ends) > 0 && at > lastResolve+alert.StaleAfter:
			ends = nil
			fallthrough
		default:
			out.Unfired = false
		}
	}
	slices.Sort(out.Receivers)
	if len(ends) > 0 {
		out.Status, out.EndsAt = alert.Resolved, slices.MaxFunc(ends, compareTimes)
	}
	return out
}

// Episodes answers q. Episodes have numbers after Number.
func (f *Folding) Episodes(q *alert.EpisodeQuery) (answer []*alert.Episode) {
	for _, a := range f.alerts {
		for _, e := range a.episodes {
			if ep := e.episode(a); wantedEpisode(q, ep) {
				answer = append(answer, ep)
			}
		}
	}
	slices.SortFunc(answer, func(a, b *alert.Episode) int { return compareEpisodes(b.Cursor(), a.Cursor()) })
	if q.Limit > 0 && len(answer) > q.Limit {
		answer = answer[:q.Limit]
	}
	return answer
}

// BegunResolved counts the episodes whose first receipt is a resolve.
func (f *Folding) BegunResolved() (n uint64) {
	for _, a := range f.alerts {
		for _, e := range a.episodes {
			if e.log[0].alert.Status == alert.Resolved {
				n++
			}
		}
	}
	return n
}

// Number tells f which number the store has given an episode, which is found by
// source, label set and beginning. It returns false where there is none.
func (f *Folding) Number(stored *alert.Episode) bool {
	for _, e := range f.alertOf(stored.Source, stored.Labels).episodes {
		if e.begin() == stored.StartsAt {
			e.number = stored.Number
			return true
		}
	}
	return false
}

func wantedEpisode(q *alert.EpisodeQuery, e *alert.Episode) bool {
	until, from, to := e.Until(), alert.Time{Micros: q.From, Nanos: q.FromNanos}, alert.Time{Micros: q.To, Nanos: q.ToNanos}
	endsAfter := func(t alert.Time) bool { return until.IsNone() || earlier(t, until) }
	firingAt := func(at alert.Time) bool { return !earlier(at, e.StartsAt) && endsAfter(at) }
	// One that ends before it begins is on at no moment, and belongs to what holds both.
	endedBefore := !until.IsNone() && earlier(until, from)
	return earlier(from, to) && earlier(e.StartsAt, to) && !endedBefore && (!earlier(e.StartsAt, from) || endsAfter(from)) &&
		(q.At == nil || firingAt(alert.Time{Micros: *q.At, Nanos: q.AtNanos})) &&
		(!q.Open || e.Open()) &&
		(q.Status == nil || *q.Status == e.Status) &&
		(q.Receiver == nil || slices.Contains(e.Receivers, *q.Receiver)) &&
		(q.Source == nil || *q.Source == e.Source) &&
		(q.Fingerprint == nil || *q.Fingerprint == e.Labels.Fingerprint) &&
		(q.After == nil || compareEpisodes(e.Cursor(), *q.After) < 0) &&
		alert.MatchAll(q.Matchers, e.Labels.Labels)
}

func compareEpisodes(a, b alert.EpisodeCursor) int {
	return cmp.Or(cmp.Compare(a.StartsAt, b.StartsAt), cmp.Compare(a.Number, b.Number))
}

// Sources answers as the store does.
func (f *Folding) Sources() (all []alert.Source) {
	for _, s := range f.sources {
		all = append(all, *s)
	}
	slices.SortFunc(all, func(a, b alert.Source) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

// Minutes answers as the store does.
func (f *Folding) Minutes(from, to int64) (all []alert.Minute) {
	for key, m := range f.minutes {
		if key.at >= from && key.at < to {
			all = append(all, *m)
		}
	}
	slices.SortFunc(all, func(a, b alert.Minute) int {
		return cmp.Or(cmp.Compare(a.At, b.At), cmp.Compare(a.Severity, b.Severity))
	})
	return all
}
