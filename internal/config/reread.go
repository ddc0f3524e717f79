package config

import (
	"errors"
	"io"
	"reflect"
	"strings"
)

// Reread is Parse of the command serve while it runs: the command line and the
// environment are those of the start, the file and the secrets are read again, and
// the files that it names are looked at. The error is one line with every mistake.
func Reread(args, environ []string, checks ...Check) (Config, error) {
	var cfg Config
	settings := settingsOf(&cfg)
	line := commandLine{settings: settings, environ: environ, stdout: io.Discard, stderr: io.Discard}
	if _, err := line.parse(args); err != nil {
		return cfg, errors.New(OneLine(err.Error()))
	}
	errs := fill(settings, &cfg, environ)
	if len(errs) == 0 {
		errs = checkFiles(&cfg, checks)
	}
	if len(errs) == 0 {
		return cfg, nil
	}
	lines := make([]string, len(errs))
	for i, err := range errs {
		lines[i] = OneLine(err.Error())
	}
	return cfg, errors.New(strings.Join(lines, "; "))
}

// Changed lists the keys whose values differ, in the order of --help. It names
// no value: some are secrets.
func Changed(before, after *Config) (keys []string) {
	old, now := settingsAt(before), settingsAt(after)
	for i, s := range now {
		if !reflect.DeepEqual(s.target.Interface(), old[i].target.Interface()) {
			keys = append(keys, s.key)
		}
	}
	return keys
}

// settingsAt lists the settings of a copy of cfg, with its values.
func settingsAt(cfg *Config) []*setting {
	var same Config
	all := settingsOf(&same) // sets the defaults
	same = *cfg
	return all
}

// Copy copies the value of one key.
func Copy(to, from *Config, key string) {
	all := settingsAt(from)
	value := byKey(all, key).target
	var same Config
	mine := settingsOf(&same)
	same = *to
	byKey(mine, key).target.Set(value)
	*to = same
}
