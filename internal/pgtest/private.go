package pgtest

// Private is a cluster for a program that is no test: what goes wrong is
// returned, and Close, which the program must not forget, removes it.
type Private struct{ cluster *Cluster }

// Open is Start without a test.
func Open(settings ...string) (*Private, error) {
	c, err := prepare(settings)
	if err != nil {
		return nil, err
	}
	if err := c.open(); err != nil {
		c.remove()
		return nil, err
	}
	return &Private{c}, nil
}

// URL returns the connection string of a database.
func (p *Private) URL(db string) string { return p.cluster.URL(db) }

// CreateDatabase makes an empty database and returns its URL.
func (p *Private) CreateDatabase(name string) (url string, err error) {
	if err := p.cluster.createDatabase(name); err != nil {
		return "", err
	}
	return p.cluster.URL(name), nil
}

// Stop shuts the server down in order, breaking its connections, and waits until
// it is gone. Stopping a stopped server does nothing.
func (p *Private) Stop() error { return p.cluster.stop() }

// Start starts a stopped server again, on the same data, and waits until it
// accepts connections.
func (p *Private) Start() error {
	if p.cluster.server != nil {
		return nil
	}
	return p.cluster.launch()
}

// PID is the number of the server's first process, whose children do the work.
// There is none while it is stopped.
func (p *Private) PID() int { return p.cluster.server.pid }

// Close kills the server, waits until its processes are gone, and removes the
// directory. It may be called again.
func (p *Private) Close() { p.cluster.remove() }
