package config

import (
	"fmt"
	"io"
	"strings"
	"unicode"
)

// Exit statuses.
const (
	ExitOK     = 0
	ExitFailed = 1 // a value or the file is wrong, or the program failed
	ExitUsage  = 2 // the grammar of the command line is wrong
)

// CommandServe is what Parse returns when the program is to run.
const CommandServe = "serve"

// Parse reads the command line, the environment (as os.Environ writes it) and
// the file, in this order of precedence, over the defaults.
//
// It returns the command that is left to run, which is "serve", "bench", "health"
// or nothing: then all was said on stdout or stderr, and code is the exit status.
func Parse(args, environ []string, stdout, stderr io.Writer) (cfg Config, command string, code int) {
	settings := settingsOf(&cfg)
	line := commandLine{settings: settings, environ: environ, stdout: stdout, stderr: stderr}
	command, err := line.parse(args)
	switch {
	case line.exited:
		return cfg, "", ExitOK
	case err != nil:
		Complain(stderr, err)
		return cfg, "", ExitUsage
	case hasOwnFlags(command):
		cfg.Bench, cfg.Health = line.bench, line.health
		return cfg, command, ExitOK
	}
	errs := load(settings, environ)
	if len(errs) == 0 {
		cfg.Adjusted, errs = reconcile(settings, &cfg)
	}
	if len(errs) > 0 {
		Complain(stderr, errs...)
		return cfg, "", ExitFailed
	}
	if command == "check-config" {
		fmt.Fprintln(stdout, "OK")
		return cfg, "", ExitOK
	}
	return cfg, CommandServe, ExitOK
}

// Complain writes one line for each mistake, whatever it quotes: also what a
// driver says about a URL that it cannot read.
func Complain(w io.Writer, errs ...error) {
	for _, err := range errs {
		line := strings.Map(func(r rune) rune {
			switch {
			case r == '\n' || r == '\t':
				return ' '
			case !unicode.IsPrint(r):
				return unicode.ReplacementChar
			}
			return r
		}, redact(err.Error()))
		fmt.Fprintln(w, "stormdrain: "+line)
	}
}
