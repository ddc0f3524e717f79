package config

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// longMessage is where kong's list of similar flags stops to be help.
const longMessage = 300

// grammar is what kong reads; the flags of the settings are added to it.
type grammar struct {
	Version versionFlag `name:"version" help:"Print version, commit and Go version."`

	Serve       struct{} `cmd:"" default:"1" help:"Receive alerts and answer queries. This is what stormdrain does without a command."`
	CheckConfig struct {
		File string `arg:"" optional:"" help:"The same as --config.file."`
	} `cmd:"" name:"check-config" help:"Read the configuration, print OK or what is wrong with it (status 1), and start nothing."`
	Doctor  Doctor   `cmd:"" help:"Look at this machine and at the store with the settings that serve would have: is it fit? Status 1 when a check fails."`
	Rebuild struct{} `cmd:"" name:"rebuild-episodes" help:"Forget every episode and make them anew of the events in the store. With SQLite no server may run; with Postgres servers may, and fold their own events again."`
	Bench   Bench    `cmd:"" help:"Load a running server at a constant rate, and say how long it took to answer."`
	Query   Query    `cmd:"" help:"Ask a running server what fired: episodes, events or statistics, as a table or for machines."`
	Health  Health   `cmd:"" help:"Ask a running server whether it can take alerts; exit status 1 when it cannot. For container health checks."`
}

const description = `Takes alerts from Alertmanager and keeps every one of them.

Each flag has an environment variable: STORMDRAIN_ and the flag in upper snake case, with commas between the values of a
repeatable one; an empty variable counts as absent. A flag goes before its variable, the variable before the file, the
file before the default, which stands behind the flag. Durations as Go writes them and with d and w, sizes in bytes or
with KiB, MiB, GiB (KB, MB and GB mean the same: 1024).`

// versionFlag has no environment variable: STORMDRAIN_VERSION is a name that
// people give to the image they deploy.
type versionFlag bool

// BeforeReset is called by kong as soon as the flag was seen.
func (versionFlag) BeforeReset(app *kong.Kong) error {
	fmt.Fprintln(app.Stdout, ThisBuild())
	app.Exit(ExitOK)
	return nil
}

// commandLine lets kong read the flags into the settings, as words.
type commandLine struct {
	settings []*setting
	environ  []string // for the flags of bench and health; the settings' are read later
	stdout   io.Writer
	stderr   io.Writer

	bench  Bench
	health Health
	query  Query
	doctor Doctor
	exited bool // --help or --version was given and has been answered
}

func (c *commandLine) parse(args []string) (command string, err error) {
	var read grammar
	parser, err := kong.New(&read,
		kong.Name("stormdrain"),
		kong.Description(description),
		kong.Writers(c.stdout, c.stderr),
		kong.Exit(func(int) { c.exited = true }),
		kong.ConfigureHelp(kong.HelpOptions{FlagsLast: true, WrapUpperBound: 120, NoExpandSubcommands: true}),
		kong.PostBuild(c.addFlags),
		kong.Help(c.printHelp),
		benchGroups(),
		queryGroups(),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), durations{}),
		kong.Resolvers(fromEnvironment(c.environ)),
	)
	if err != nil {
		panic(fmt.Sprintf("BUG: grammar of the command line: %v", err))
	}
	ctx, err := parser.Parse(gathered(args, parser.Model))
	if err != nil {
		return "", usageError(err)
	}
	command, _, _ = strings.Cut(ctx.Command(), " ") // without its arguments
	if hasOwnFlags(command) && !c.exited {
		c.bench, c.health, c.query = read.Bench, read.Health, read.Query
		c.query.NoColor = plainTerminal(c.environ)
		return command, c.refuseSettings(command)
	}
	c.doctor = read.Doctor
	return command, c.giveFile(read.CheckConfig.File)
}

// giveFile is --config.file by another name.
func (c *commandLine) giveFile(path string) error {
	if path == "" {
		return nil
	}
	for _, s := range c.settings {
		if s.key != "config.file" {
			continue
		}
		if len(s.given) > 0 {
			return errors.New("a file and --config.file: give one of them")
		}
		s.given = []string{path}
	}
	return nil
}

// usageError adds what to do to kong's message.
func usageError(err error) error {
	message := err.Error()
	if len(message) > longMessage {
		message, _, _ = strings.Cut(message, ", did you mean") // of everything, which --help says better
	}
	where := "stormdrain --help"
	var parseErr *kong.ParseError
	if errors.As(err, &parseErr) && parseErr.Context != nil {
		switch selected := parseErr.Context.Selected(); {
		case selected == nil:
			if name, ok := strings.CutPrefix(message, "unexpected argument "); ok {
				message = "unknown command " + name + "; the commands are " + commandNames(parseErr.Context.Model)
			}
		case hasOwnFlags(selected.Name):
			message = strings.TrimPrefix(message, selected.Name+": ") // in front of what Validate says
			where = "stormdrain " + selected.Name + " --help"
		}
	}
	return errors.New(message + " (" + where + " lists the flags)")
}

// commandNames lists the commands in words.
func commandNames(app *kong.Application) string {
	var names []string
	for _, command := range app.Children {
		names = append(names, command.Name)
	}
	last := len(names) - 1
	return strings.Join(names[:last], ", ") + " and " + names[last]
}

func (c *commandLine) addFlags(parser *kong.Kong) error {
	for _, s := range c.settings {
		value := &kong.Value{
			Name:         s.flag,
			Help:         s.help,
			OrigHelp:     s.help,
			Default:      s.standard,
			DefaultValue: reflect.ValueOf([]string(nil)),
			Mapper:       wordMapper{isBool: s.target.Kind() == reflect.Bool},
			Tag:          &kong.Tag{Type: "words", Sep: -1},
			Target:       reflect.ValueOf(&s.given).Elem(),
		}
		value.Flag = &kong.Flag{Value: value, Group: flagGroup(s), PlaceHolder: placeholder(s)}
		parser.Model.Flags = append(parser.Model.Flags, value.Flag)
	}
	return nil
}

func placeholder(s *setting) string {
	if s.standard != "" {
		return s.standard
	}
	return s.placeholder
}

// wordMapper collects what stands behind a flag without giving it a meaning, for
// the file and the environment know no kong, and a mistake should read the
// same wherever it was made.
type wordMapper struct{ isBool bool }

// IsBool lets kong accept the flag without a value.
func (w wordMapper) IsBool() bool { return w.isBool }

// Decode appends one word.
func (w wordMapper) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	word := "true"
	if !w.isBool || ctx.Scan.Peek().Type == kong.FlagValueToken {
		if err := ctx.Scan.PopValueInto("value", &word); err != nil {
			return errors.New("wants a value, as in --" + ctx.Value.Name + "=...") // kong's own error speaks of tokens
		}
	}
	target.Set(reflect.Append(target, reflect.ValueOf(word)))
	return nil
}

// flagGroup gives the groups of the file their titles in --help.
func flagGroup(s *setting) *kong.Group {
	titles := map[string]string{
		"":           "Files:",
		"server":     "HTTP server:",
		"database":   "Connections to Postgres:",
		"webhook":    "Requests:",
		"app":        "Workers:",
		"auth":       "Authentication:",
		"rate_limit": "Rate limit:",
		"pipeline":   "Memory between request and store:",
		"journal":    "Journal:",
		"quarantine": "Quarantine:",
		"storage":    "Store:",
		"tuning":     "Go runtime and limits:",
		"data":       "Data folder:",
		"shutdown":   "Shutdown:",
		"debug":      "Debugging:",
		"log":        "Log:",
	}
	return &kong.Group{Key: "settings " + s.group, Title: titles[s.group]}
}
