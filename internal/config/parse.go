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

// CommandDoctor is what Parse returns when the machine is to be looked at.
const CommandDoctor = "doctor"

// CommandRebuild is what Parse returns when episodes are to be made anew.
const CommandRebuild = "rebuild-episodes"

// Doctor is what `stormdrain doctor` is told besides the settings of the server.
type Doctor struct {
	Format string `default:"text" enum:"text,json" help:"text, or one JSON object."`
}

// Parse reads the command line, the environment (as os.Environ writes it) and
// the file, in this order of precedence, over the defaults.
//
// It returns the command that is left to run, which is "serve", "bench", "doctor",
// "health", "query", "rebuild-episodes" or nothing: then all was said on stdout or stderr, and code is the exit
// status.
func Parse(args, environ []string, stdout, stderr io.Writer, checks ...Check) (cfg Config, command string, code int) {
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
		cfg.Bench, cfg.Health, cfg.Query = line.bench, line.health, line.query
		return cfg, command, ExitOK
	}
	if errs := fill(settings, &cfg, environ); len(errs) > 0 {
		Complain(stderr, errs...)
		return cfg, "", ExitFailed
	}
	switch command {
	case CommandDoctor:
		cfg.Doctor = line.doctor
		return cfg, command, ExitOK
	case CommandRebuild:
		return cfg, command, ExitOK
	}
	if errs := checkFiles(&cfg, checks); len(errs) > 0 {
		Complain(stderr, errs...)
		return cfg, "", ExitFailed
	}
	if command == "check-config" {
		for _, warning := range cfg.Warnings {
			fmt.Fprintln(stderr, "stormdrain: warning: "+OneLine(warning))
		}
		fmt.Fprintln(stdout, "OK")
		return cfg, "", ExitOK
	}
	return cfg, CommandServe, ExitOK
}

// fill gives every setting its value, and looks at those that depend on others.
func fill(settings []*setting, cfg *Config, environ []string) (errs []error) {
	if errs = load(settings, environ); len(errs) > 0 {
		return errs
	}
	if errs = findSecrets(settings, cfg, environ); len(errs) > 0 {
		return errs
	}
	cfg.Warnings, errs = reconcile(settings, cfg)
	cfg.Warnings = append(cfg.Warnings, misspelt(settings, environ)...)
	return errs
}

// Complain writes one line for each mistake, whatever it quotes: also what a
// driver says about a URL that it cannot read.
func Complain(w io.Writer, errs ...error) {
	for _, err := range errs {
		fmt.Fprintln(w, "stormdrain: "+OneLine(err.Error()))
	}
}

// OneLine makes text of anybody's fit for one line of output, passwords hidden.
func OneLine(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return unicode.ReplacementChar
		}
		return r
	}, redact(text))
}
