// Command nezuban-checks makes the HTTP(S) checks of one location and writes their results to InfluxDB and the router.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"

	"nezuban/agent/daemon"
	"nezuban/checks/internal/app"
)

const usage = `usage:
  nezuban-checks run [-config FILE]            make the checks until SIGINT or SIGTERM
  nezuban-checks check-config [-config FILE]   name every mistake in FILE
  nezuban-checks version
FILE is /etc/nezuban/checks-agent.toml unless given.
`

const defaultConfig = "/etc/nezuban/checks-agent.toml"

func main() { os.Exit(command(os.Args[1:], os.Stdout, os.Stderr)) }

// command is main without the process; it returns the exit code: 0 all well, 1 something failed, 2 wrong usage.
func command(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return 2
	}
	flags := flag.NewFlagSet(args[0], flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.Usage = func() { fmt.Fprint(stderr, usage) }
	path := flags.String("config", defaultConfig, "")
	if err := flags.Parse(args[1:]); err != nil {
		return 2
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "nezuban-checks %s: found argument %q, expected none\n", args[0], flags.Arg(0))
		return 2
	}
	switch args[0] {
	case "run":
		return run(*path, stderr)
	case "check-config":
		if _, ok := load(*path, stderr); !ok {
			return 1
		}
		fmt.Fprintf(stdout, "%s is good\n", *path)
		return 0
	case "version":
		fmt.Fprintln(stdout, "nezuban-checks", daemon.Version())
		return 0
	default:
		fmt.Fprintf(stderr, "nezuban-checks: found command %q, expected run, check-config or version\n%s", args[0], usage)
		return 2
	}
}

func load(path string, stderr io.Writer) (app.Config, bool) {
	cfg, err := app.LoadConfig(path, os.LookupEnv)
	if err != nil {
		fmt.Fprintln(stderr, err)
		return app.Config{}, false
	}
	return cfg, true
}

func run(path string, stderr io.Writer) int {
	cfg, ok := load(path, stderr)
	if !ok {
		return 1
	}
	opts := daemon.Options{Name: "nezuban-checks", LogLevel: cfg.LogLevel, SentryDSN: cfg.SentryDSN}
	return daemon.Main(opts, func(ctx context.Context, d *daemon.Daemon) error {
		return app.Run(ctx, cfg, d)
	})
}
