package query

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"stormdrain/internal/alert"
	"stormdrain/internal/config"
)

// tableLimit is how many rows a table has if nobody says: some screens.
const tableLimit = 100

// filters are the parameters that choose among alerts: those that a stream has, too.
func filters(cfg *config.Query) (url.Values, error) {
	v := url.Values{}
	_, matchers := cfg.Kind()
	for _, word := range matchers {
		if !strings.ContainsAny(word, "=!~{") {
			word = "alertname=" + strconv.Quote(word)
		}
		if _, err := alert.ParseMatchers(word); err != nil {
			return nil, fmt.Errorf("%w; want matchers such as severity=critical or 'alertname=~\"Node.*\"'", err)
		}
		v.Add("filter", word)
	}
	set := func(name, value string) {
		if value != "" {
			v.Set(name, value)
		}
	}
	set("status", cfg.Status)
	set("fingerprint", cfg.Fingerprint)
	if cfg.Source != nil {
		v.Set("source", *cfg.Source)
	}
	if cfg.Receiver != nil {
		v.Set("receiver", *cfg.Receiver)
	}
	return v, nil
}

// request returns the page to ask and its parameters, without the format.
func request(cfg *config.Query, now time.Time, zone *time.Location) (path string, v url.Values, err error) {
	if v, err = filters(cfg); err != nil {
		return "", nil, err
	}
	from, to := bounds(cfg.From, cfg.To, now, zone)
	for name, word := range map[string]string{"from": from, "to": to, "at": moment(cfg.At, now, zone)} {
		if word != "" {
			v.Set(name, word)
		}
	}
	if cfg.Open {
		v.Set("open", "true")
	}
	kind, _ := cfg.Kind()
	if kind == config.QueryStats {
		v.Set("by", cfg.By)
		if cfg.Sort != "" {
			v.Set("sort", cfg.Sort)
		}
	}
	return "/api/v1/" + kind, v, nil
}

// limit is how many rows are wanted; 0: all.
func limit(cfg *config.Query) int {
	switch {
	case cfg.Limit != nil:
		return *cfg.Limit
	case cfg.Output == "table" || cfg.Output == "wide":
		return tableLimit
	}
	return 0
}
