package systemd

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// Health is what the manager is told about.
type Health struct {
	// Ready returns nil while a 2xx can be promised.
	Ready func() error
	// Heartbeat is when the part that everything hangs on was last seen alive,
	// Beat how far two signs of it are apart while it is.
	Heartbeat func() time.Time
	Beat      time.Duration
	// Status is one line for people.
	Status func() string
}

// Manager keeps the service manager informed. One goroutine, loop, does it; there
// is none when nobody listens.
type Manager struct {
	health   Health
	limit    time.Duration // age of a heartbeat that counts as life; 0: there is no watchdog
	tick     time.Duration
	serving  atomic.Bool // set when all is open
	stopping atomic.Bool

	stop context.CancelFunc
	done chan struct{}

	mu        sync.Mutex  // one reload at a time, and none while READY=1 is sent for the first time
	announced atomic.Bool // READY=1 was sent

	// ---- owned by loop ----
	status string
	said   time.Time // when
}

const (
	// starting is how often it is looked whether we are ready, until we are.
	starting = 20 * time.Millisecond
	// statusEvery is how often a status that changes is sent.
	statusEvery = 2 * time.Second
)

// Watch begins to keep the manager informed. READY=1 waits for Serving.
func Watch(h Health) *Manager {
	m := &Manager{health: h, tick: statusEvery, done: make(chan struct{})}
	if interval := watchdogInterval(); interval > 0 {
		// Fed three times an interval. Whoever was last seen half an interval ago
		// is not alive, unless he shows himself less often than that.
		m.tick = min(m.tick, interval/3)
		m.limit = max(interval/2, 2*h.Beat)
	}
	ctx, stop := context.WithCancel(context.Background())
	m.stop = stop
	if !wanted() {
		close(m.done)
		return m
	}
	go m.loop(ctx)
	return m
}

// Serving says that everything is open.
func (m *Manager) Serving() { m.serving.Store(true) }

// Reloading says that the configuration is being read again, and returns what
// says that this is over.
func (m *Manager) Reloading() (done func()) {
	if !wanted() {
		return func() {}
	}
	m.mu.Lock()
	if !m.announced.Load() {
		return m.mu.Unlock // for systemd, we are still starting
	}
	notify(reloading())
	return func() {
		notify(daemon.SdNotifyReady)
		m.mu.Unlock()
	}
}

// Stopping says that the end has begun. The watchdog is fed on.
func (m *Manager) Stopping() {
	if wanted() && m.stopping.CompareAndSwap(false, true) {
		notify(daemon.SdNotifyStopping + "\nSTATUS=shutting down: finishing what is in flight")
	}
}

// Close ends the messages. It may be called twice.
func (m *Manager) Close(context.Context) error {
	m.stop()
	<-m.done
	return nil
}

func (m *Manager) loop(ctx context.Context) {
	defer close(m.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
		timer.Reset(m.look())
	}
}

// look tells what there is to tell, and returns when to look again.
func (m *Manager) look() time.Duration {
	if m.limit > 0 && time.Since(m.health.Heartbeat()) < m.limit {
		notify(daemon.SdNotifyWatchdog)
	}
	if m.stopping.Load() {
		return m.tick
	}
	ready := m.announce()
	if time.Since(m.said) >= statusEvery {
		if s := m.health.Status(); s != m.status {
			m.status, m.said = s, time.Now()
			notify("STATUS=" + s)
		}
	}
	if !ready {
		return min(m.tick, starting)
	}
	return m.tick
}

// announce sends READY=1 once, when it is true, and reports whether it was sent.
func (m *Manager) announce() bool {
	if m.announced.Load() || !m.serving.Load() || m.health.Ready() != nil {
		return m.announced.Load()
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.status, m.said = m.health.Status(), time.Now()
	notify(daemon.SdNotifyReady + "\nSTATUS=" + m.status)
	m.announced.Store(true)
	return true
}
