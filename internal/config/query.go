package config

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// CommandQuery is what Parse returns when a running server is to be asked what it
// has stored; then Config.Query is filled and nothing else of Config.
const CommandQuery = "query"

// Query is what `stormdrain query` is told.
type Query struct {
	Words []string `arg:"" optional:"" name:"matcher" help:"What every alert must satisfy: severity=critical, 'alertname=~\"Node.*\"', team!=db; a word alone is an alertname. Before the first one, events, episodes or stats says what is asked for; without it, episodes."`

	From        string  `placeholder:"TIME" group:"ask" help:"Not before this time: 2h (ago), 03:12 (the last one, local time), \"2026-11-23 03:12\", RFC 3339 or Unix seconds. Without it there is no bound, but stats are of the last day."`
	To          string  `placeholder:"TIME" group:"ask" help:"Before this time."`
	At          string  `placeholder:"TIME" group:"ask" help:"Only episodes that were firing at this time."`
	Open        bool    `group:"ask" help:"Only episodes that are firing now."`
	Status      string  `placeholder:"STATUS" group:"ask" help:"Only this: firing or resolved."`
	Source      *string `placeholder:"NAME" group:"ask" help:"Only what came from this cluster, the last part of the webhook's path; empty: without one."`
	Receiver    *string `placeholder:"NAME" group:"ask" help:"Only what came by this receiver of Alertmanager."`
	Fingerprint string  `placeholder:"HEX" group:"ask" help:"Only this label set."`
	Limit       *int    `placeholder:"N" group:"ask" help:"So many rows at most, 0 for all. Without it 100 in a table and all in the other formats."`
	By          string  `default:"alertname" placeholder:"LABEL" group:"ask" help:"stats: a row for each value of this label."`
	Sort        string  `placeholder:"KEY" group:"ask" help:"stats: episodes, receipts, alerts, flaps, open, unresolved, mean, p95 (the highest first) or value."`
	Follow      bool    `short:"f" group:"ask" help:"Go on with each alert as it is stored, until Ctrl-C. With --from, begin with those since then."`

	Output string `short:"o" aliases:"format" default:"table" enum:"table,wide,json,ndjson,csv" group:"show" help:"table, wide (with all there is, uncut), json, ndjson (an object a line) or csv. --format is the same."`
	Color  string `default:"auto" enum:"auto,always,never" group:"show" help:"auto: on a terminal, if NO_COLOR is not set."`
	UTC    bool   `name:"utc" group:"show" help:"Times in UTC, also those that are given; else in the local time zone."`

	URL             string   `default:"http://localhost:9567" group:"connect" help:"Server to ask, http or https, with the path that a proxy may put in front."`
	Header          []string `sep:"none" placeholder:"'NAME: VALUE'" group:"connect" help:"Header of every request; repeatable. @FILE reads one header a line, so that a secret is not on the command line."`
	BearerTokenFile string   `placeholder:"FILE" group:"connect" help:"Send the first line of this file as a bearer token."`
	User            string   `placeholder:"NAME" group:"connect" help:"User name, with --password-file."`
	PasswordFile    string   `placeholder:"FILE" group:"connect" help:"Its password is the first line of this file."`
	Insecure        bool     `group:"connect" help:"Do not check the server's certificate."`
	CAFile          string   `name:"ca-file" placeholder:"FILE" group:"connect" help:"Certificates, in PEM, that the server's is checked against instead of the machine's."`
	CertFile        string   `name:"cert-file" placeholder:"FILE" group:"connect" help:"Our own certificate, in PEM, for servers that want one."`
	KeyFile         string   `name:"key-file" placeholder:"FILE" group:"connect" help:"Its key."`

	NoColor bool `kong:"-"` // NO_COLOR is set, or the terminal is a dumb one
}

// Help is what --help says below the first line.
func (*Query) Help() string {
	return `An episode is one firing of one alert, an event is one alert of one delivery.

  stormdrain query severity=critical --from 2h   what fired since then
  stormdrain query --at 03:12                    what was firing then
  stormdrain query --open 'alertname=~"Node.*"'  what is firing now
  stormdrain query stats --by team --from 7d     how often, how long
  stormdrain query --follow                      each alert, as it comes

Exit status 0 also when nothing was found. A flag's environment variable is STORMDRAIN_ and its name in upper snake case (STORMDRAIN_URL).`
}

// queryGroups are the titles in --help.
func queryGroups() kong.Groups {
	return kong.Groups{"ask": "What to ask for:", "show": "How to show it:", "connect": "Server:"}
}

// Validate is called by kong when all flags are read.
func (q *Query) Validate() error {
	u, err := url.Parse(q.URL)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "":
		return errors.New("--url: want a URL such as http://localhost:9567")
	case u.User != nil:
		return errors.New("--url: a password does not belong there; use --user and --password-file")
	case q.Limit != nil && *q.Limit < 0:
		return errors.New("--limit: want a number of rows, or 0 for all")
	case (q.User == "") != (q.PasswordFile == ""):
		return errors.New("--user and --password-file: one is of no use without the other")
	case q.User != "" && q.BearerTokenFile != "":
		return errors.New("--user and --bearer-token-file: a request can carry only one of them")
	case (q.CertFile == "") != (q.KeyFile == ""):
		return errors.New("--cert-file and --key-file: one is of no use without the other")
	case q.Status != "" && q.Status != "firing" && q.Status != "resolved":
		return errors.New("--status: want firing or resolved")
	}
	return q.checkKind()
}

// The kinds of Query.Kind.
const (
	QueryEvents   = "events"
	QueryEpisodes = "episodes"
	QueryStats    = "stats"
)

// Kind says what is asked for, and returns the matchers apart.
func (q *Query) Kind() (kind string, matchers []string) {
	if len(q.Words) > 0 {
		switch q.Words[0] {
		case QueryEvents, QueryEpisodes, QueryStats:
			return q.Words[0], q.Words[1:]
		}
	}
	return QueryEpisodes, q.Words
}

// checkKind refuses flags that would do nothing.
func (q *Query) checkKind() error {
	kind, _ := q.Kind()
	given := map[string]bool{
		"at": q.At != "", "open": q.Open, "to": q.To != "", "limit": q.Limit != nil, "sort": q.Sort != "", "by": q.By != "alertname",
	}
	refuse := func(why string, flags ...string) error {
		for _, flag := range flags {
			if given[flag] {
				return fmt.Errorf("--%s: %s", flag, why)
			}
		}
		return nil
	}
	if q.Follow {
		if kind == QueryStats {
			return errors.New("--follow: stats are of what was, not of what comes")
		}
		if q.Output == "csv" {
			return errors.New("--follow: want --output table, wide, json or ndjson")
		}
		return refuse("--follow shows each alert as it comes; leave one of them out", "at", "open", "to", "limit", "by", "sort")
	}
	switch kind {
	case QueryEvents:
		if err := refuse("is for episodes, not for events", "at", "open"); err != nil {
			return err
		}
		fallthrough
	case QueryEpisodes:
		return refuse("is for stats (stormdrain query stats)", "by", "sort")
	}
	return nil
}

// gathered puts the words of query behind its flags: people write flags and
// matchers in any order, and kong takes only words that stand together.
func gathered(args []string, model *kong.Application) []string {
	if len(args) == 0 || args[0] != CommandQuery {
		return args
	}
	takesValue := map[string]bool{}
	for _, command := range model.Children {
		if command.Name != CommandQuery {
			continue
		}
		for _, flags := range command.AllFlags(false) {
			for _, flag := range flags {
				for _, name := range append([]string{flag.Name}, flag.Aliases...) {
					takesValue["--"+name] = !flag.IsBool()
				}
				takesValue["-"+string(flag.Short)] = flag.Short != 0 && !flag.IsBool()
			}
		}
	}
	flags, words := []string{CommandQuery}, []string{}
	for rest := args[1:]; len(rest) > 0; rest = rest[1:] {
		switch word := rest[0]; {
		case word == "--":
			return slices.Concat(flags, []string{"--"}, words, rest[1:])
		case !strings.HasPrefix(word, "-") || word == "-":
			words = append(words, word)
		default:
			flags = append(flags, word)
			if takesValue[word] && len(rest) > 1 {
				flags = append(flags, rest[1])
				rest = rest[1:]
			}
		}
	}
	return append(flags, words...)
}

// plainTerminal reports whether the environment asks for no colours:
// https://no-color.org, and terminals that have none.
func plainTerminal(environ []string) bool {
	plain := false
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		plain = plain || name == "NO_COLOR" && value != "" || name == "TERM" && value == "dumb"
	}
	return plain
}
