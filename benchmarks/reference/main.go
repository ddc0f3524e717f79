// Command reference is the receiver that a performance guide for such services
// describes, twice: as it is before the guide's optimizations, and after them.
// Both are what one would write with the standard library: net/http,
// encoding/json and database/sql, an alert a row with its labels and annotations
// as jsonb, committed before the 2xx. benchmarks/README.md says what each does.
package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:0", "address to listen on")
	variant := flag.String("variant", "after", "before or after the guide")
	database := flag.String("database", "", "URL of the PostgreSQL database")
	flag.Parse()
	if err := run(*listen, *variant, *database); err != nil {
		fmt.Fprintln(os.Stderr, "reference:", err)
		os.Exit(1)
	}
}

// stopLimit is how long requests may take that were begun when the end came.
const stopLimit = 30 * time.Second

func run(listen, variant, database string) error {
	db, err := sql.Open("pgx", database)
	if err != nil {
		return fmt.Errorf("open the database: %w", err)
	}
	defer db.Close()
	handler, err := newHandler(variant, db)
	if err != nil {
		return err
	}
	if _, err := db.Exec(schema); err != nil {
		return fmt.Errorf("make the table: %w", err)
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return err
	}
	// The guide's time-outs.
	srv := &http.Server{Handler: handler, ReadTimeout: 30 * time.Second, WriteTimeout: 30 * time.Second, IdleTimeout: 120 * time.Second}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	served := make(chan error, 1)
	go func() { served <- srv.Serve(l) }()
	// The line that stormdrain writes, so that one reader finds all addresses.
	line := map[string]string{"message": "listening", "address": l.Addr().String()}
	if err := json.NewEncoder(os.Stderr).Encode(line); err != nil {
		return err
	}
	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.Background(), stopLimit)
	defer cancel()
	return srv.Shutdown(ctx)
}

func newHandler(variant string, db *sql.DB) (http.Handler, error) {
	// Both get it: with the default pool, which keeps two idle connections, before
	// would open a connection for most of its inserts.
	tune(db)
	c := &counters{}
	var webhooks http.Handler
	switch variant {
	case "before":
		webhooks = beforeMiddleware(c, &before{db: db, counters: c})
	case "after":
		webhooks = newAfterMiddleware(c, newAfter(db, c))
	default:
		return nil, errors.New("variant " + variant + " is neither before nor after")
	}
	mux := http.NewServeMux()
	mux.Handle("POST /webhook/{source}", webhooks)
	mux.Handle("GET /metrics", c)
	return mux, nil
}

// tune sets what the guide calls for.
func tune(db *sql.DB) {
	db.SetMaxOpenConns(100)
	db.SetMaxIdleConns(50)
	db.SetConnMaxLifetime(time.Hour)
	db.SetConnMaxIdleTime(10 * time.Minute)
}
