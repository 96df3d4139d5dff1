// Command nezuban-agent watches one Docker host: its containers, its cgroups
// and the machine itself.
//
//	nezuban-agent run -config agent.toml
//	nezuban-agent check-config -config agent.toml
//	nezuban-agent verify -config agent.toml [CONTAINER…]
//	nezuban-agent docker-proxy
//	nezuban-agent version
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"runtime/debug"

	"nezuban/agent/daemon"
	"nezuban/agent/internal/app"
)

const usage = `usage:
  nezuban-agent run [-config FILE]           watch this host until SIGTERM
  nezuban-agent check-config [-config FILE]  name every mistake in the file
  nezuban-agent verify [-config FILE] [CONTAINER...]
                                             compare what is read with cAdvisor's reading
  nezuban-agent docker-proxy [-listen SOCKET] [-docker SOCKET] [-labels KEY,...]
                                             answer the agent's questions to Docker, and no others
  nezuban-agent version
`

// exitUsage is the exit code of a command line that is not understood.
const exitUsage = 2

// garbage is how much the agent lets lie before it collects, in percent of what it needs: a round leaves little, and that it
// is collected more often does not show in what a sample costs.
const garbage = 50

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main without the process's own arguments and streams.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	command, args := args[0], args[1:]
	flags := flag.NewFlagSet("nezuban-agent "+command, flag.ContinueOnError)
	flags.SetOutput(stderr)
	config := new(string)
	switch command {
	case "run", "check-config", "verify":
		flags.StringVar(config, "config", "/etc/nezuban/agent.toml", "configuration `file`")
		if err := flags.Parse(args); err != nil {
			return exitUsage
		}
		if flags.NArg() > 0 && command != "verify" {
			fmt.Fprintf(stderr, "nezuban-agent %s: argument %q is not understood\n", command, flags.Arg(0))
			return exitUsage
		}
	case "docker-proxy":
		return dockerProxy(flags, args, stderr)
	case "version":
		fmt.Fprintln(stdout, "nezuban-agent", daemon.Version())
		return 0
	case "help", "-h", "-help", "--help":
		fmt.Fprint(stdout, usage)
		return 0
	default:
		fmt.Fprintf(stderr, "nezuban-agent: command %q is not known\n%s", command, usage)
		return exitUsage
	}
	cfg, err := app.LoadConfig(*config, os.LookupEnv)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	switch command {
	case "check-config":
		fmt.Fprintf(stdout, "%s is good\n", *config)
		return 0
	case "verify":
		agree, err := app.Verify(context.Background(), cfg, flags.Args(), stdout)
		return verdict(agree, err, stderr)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbage)
	}
	opts := daemon.Options{Name: "nezuban-agent", LogLevel: cfg.LogLevel, SentryDSN: cfg.SentryDSN}
	return daemon.Main(opts, func(ctx context.Context, d *daemon.Daemon) error { return app.Run(ctx, d, cfg) })
}

// verdict is the exit code of verify: 0 when all agree.
func verdict(agree bool, err error, stderr io.Writer) int {
	if err != nil {
		fmt.Fprintln(stderr, err)
	}
	if err != nil || !agree {
		return 1
	}
	return 0
}
