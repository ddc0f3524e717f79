package config

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

// CommandBench is what Parse returns when a server is to be measured; then
// Config.Bench is filled and nothing else of Config.
const CommandBench = "bench"

// Bench is what `stormdrain bench` is told. It reads no file, and none of the
// settings of the server.
type Bench struct {
	Target string `default:"http://127.0.0.1:9567" group:"target" help:"Server to load, http or https. A path goes in front of /webhook; /webhook/NAME at its end is taken for the source."`
	Source string `default:"bench" group:"target" help:"Name of the sending cluster, {source} in /webhook/{source}. Empty: /webhook."`

	Header   []string `sep:"none" placeholder:"'NAME: VALUE'" group:"target" help:"Header of every request, for authentication; repeatable. @FILE reads one header a line, so that a secret is not on the command line."`
	Insecure bool     `group:"target" help:"Do not check the server's certificate."`
	CAFile   string   `name:"ca-file" placeholder:"FILE" group:"target" help:"Certificates, in PEM, that the server's is checked against instead of the machine's."`
	CertFile string   `name:"cert-file" placeholder:"FILE" group:"target" help:"Our own certificate, in PEM, for servers that want one."`
	KeyFile  string   `name:"key-file" placeholder:"FILE" group:"target" help:"Its key."`

	Rate        int           `default:"1000" group:"load" help:"Requests a second. 0: find the highest rate that holds."`
	Duration    time.Duration `default:"10s" group:"load" help:"How long requests become due. With --rate 0: how long the rate that was found has to hold."`
	Alerts      int           `default:"10" group:"load" help:"Alerts a request."`
	Connections int           `default:"64" group:"load" help:"Connections; each has one request under way, as an Alertmanager's has."`
	Distinct    int           `default:"2000" group:"load" help:"Different label sets over the run. As many as alerts are sent, or more: every label set is new, which is the hard case."`
	Timeout     time.Duration `default:"10s" group:"load" help:"Longest wait for an answer. Alertmanager's own is 10s."`

	Step   time.Duration `default:"2s" group:"search" help:"Length of one step of the search."`
	MaxP99 time.Duration `name:"max-p99" default:"100ms" group:"search" help:"A rate holds when 99 percent of the requests that were due were acknowledged, and 99 percent of those within this after they were due."`

	Verify     bool          `group:"result" help:"Read back every acknowledged alert through the API; exit status 1 if one is missing, doubled or altered."`
	VerifyWait time.Duration `default:"5m" group:"result" help:"Longest wait until all that was acknowledged can be read."`
	Format     string        `default:"text" enum:"text,json" group:"result" help:"text, or one JSON object."`
}

// Help is what --help says below the first line.
func (*Bench) Help() string {
	return `Requests become due at a constant rate, whether the server keeps up or not, and a latency counts from when the request
was due until its acknowledgement: a server that stands still makes everybody late who would have come meanwhile. No two requests are the
same. Alerts of one run carry a label bench_run and a receiver bench-RUN of their own; they stay in the server's store.

Ctrl-C ends the run early and prints what was measured. A flag's environment variable is STORMDRAIN_ and its name in upper snake case.`
}

// benchGroups are the titles in --help.
func benchGroups() kong.Groups {
	return kong.Groups{
		"target": "Target:", "load": "Load:", "search": "Search, with --rate 0:", "result": "Result:",
	}
}

// Validate is called by kong when all flags are read. What a flag alone cannot
// tell, such as too many alerts for the memory, the load itself refuses.
func (b *Bench) Validate() error {
	switch {
	case b.Rate < 0:
		return errors.New("--rate: want requests a second, or 0 to find the highest rate that holds")
	case b.Alerts < 1:
		return errors.New("--alerts: want at least 1 alert a request")
	case b.Connections < 1:
		return errors.New("--connections: want at least 1")
	case b.Distinct < 1:
		return errors.New("--distinct: want at least 1 label set")
	case (b.CertFile == "") != (b.KeyFile == ""):
		return errors.New("--cert-file and --key-file: one is of no use without the other")
	}
	for _, d := range []struct {
		flag  string
		value time.Duration
	}{{"duration", b.Duration}, {"timeout", b.Timeout}, {"step", b.Step}, {"max-p99", b.MaxP99}, {"verify-wait", b.VerifyWait}} {
		if d.value < time.Millisecond {
			return fmt.Errorf("--%s: want at least 1ms", d.flag)
		}
	}
	return nil
}

// durations lets kong read durations as everything else of ours does.
type durations struct{}

// Decode takes one word.
func (durations) Decode(ctx *kong.DecodeContext, target reflect.Value) error {
	var word string
	if err := ctx.Scan.PopValueInto("value", &word); err != nil {
		return errors.New("wants a value, as in --" + ctx.Value.Name + "=10s")
	}
	d, err := parseDuration(word)
	if err != nil {
		return fmt.Errorf("%s is not a duration; want one such as 500ms, 30s or 5m", quoteValue(word))
	}
	target.SetInt(int64(d))
	return nil
}

// hasOwnFlags tells the commands that speak to a running server, and have flags
// of their own, from those that read its settings.
func hasOwnFlags(command string) bool {
	return command == CommandBench || command == CommandHealth || command == CommandQuery
}

// fromEnvironment gives the flags of such commands their variables; those of the
// settings are load's.
func fromEnvironment(environ []string) kong.ResolverFunc {
	return func(_ *kong.Context, parent *kong.Path, flag *kong.Flag) (any, error) {
		if parent.Command == nil || !hasOwnFlags(parent.Command.Name) {
			return nil, nil
		}
		prefix := envPrefix + strings.ToUpper(strings.ReplaceAll(flag.Name, "-", "_")) + "="
		for i := len(environ) - 1; i >= 0; i-- {
			if value, ok := strings.CutPrefix(environ[i], prefix); ok && value != "" {
				return value, nil
			}
		}
		return nil, nil
	}
}

// refuseSettings keeps the settings of the server away from commands where they
// would do nothing.
func (c *commandLine) refuseSettings(command string) error {
	for _, s := range c.settings {
		if len(s.given) > 0 {
			return fmt.Errorf("--%s is a setting of the server; %s takes none of them (stormdrain %[2]s --help lists its flags)", s.flag, command)
		}
	}
	return nil
}

// printHelp leaves the settings of the server out of the help of such a command.
func (c *commandLine) printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	if selected := ctx.Selected(); selected != nil && hasOwnFlags(selected.Name) {
		options.WrapUpperBound = 80
		for _, flag := range ctx.Model.Flags {
			flag.Hidden = flag.Hidden || flag.Group != nil
		}
	}
	return kong.DefaultHelpPrinter(options, ctx)
}
