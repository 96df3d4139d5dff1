// Command nezuban-router takes in samples, events and errors, decides when a person is needed, and reaches whoever the
// rotation file says is on call.
//
//	nezuban-router run -config router.toml
//	nezuban-router check-config -config router.toml
//	nezuban-router incidents | show ID | ack ID | resolve ID | snooze ID | reassign ID | note ID TEXT | page TEXT
//	nezuban-router silence add MATCHER... | silence list | silence end ID
//	nezuban-router state backup FILE | restore FILE | dump
//	nezuban-router forget HOST | signin PERSON | who | rotations | preview
//	nezuban-router version
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"time"

	"nezuban/agent/daemon"
	"nezuban/router/internal/access"
	"nezuban/router/internal/app"
	"nezuban/router/internal/client"
)

const usage = `usage:
  nezuban-router run          [-config FILE]  serve until SIGTERM
  nezuban-router check-config [-config FILE]  name every mistake in the files
  nezuban-router incidents    [-all] [-json]  list open incidents, with -all closed ones too
  nezuban-router show         [-json] ID      one incident with its timeline
  nezuban-router ack          [-by NAME] [-note TEXT] ID ...
                                              you have it: nobody else is paged
  nezuban-router resolve      [-by NAME] [-note TEXT] ID ...
                                              it is over
  nezuban-router snooze       [-by NAME] [-note TEXT] -for 2h | -until TIME  ID ...
                                              you have it: it pages again then if it is not over
  nezuban-router reassign     [-by NAME] [-note TEXT] -to PERSON  ID ...
                                              somebody else gets it, and is told
  nezuban-router note         [-by NAME] ID TEXT
                                              a remark for its timeline
  nezuban-router page         [-by NAME] [-severity page] [-label NAME=VALUE ...] [-key KEY] TEXT
                                              open an incident by hand; prints its id
  nezuban-router silence add  [-by NAME] [-json] -reason TEXT -for 2h | -until TIME [-from TIME]  MATCHER ...
                                              page nobody for alerts that match, such as host=web1
  nezuban-router silence list [-all] [-json]  list silences, with -all those that are over too
  nezuban-router silence end  [-by NAME] ID   end a silence now
  nezuban-router forget       HOST            a host has gone for good
  nezuban-router signin       PERSON          print a link that signs a browser in, once
  nezuban-router who          [-at TIME] [-schedule NAME] [-json]
                                              say who is, or was, on call by the rotation file in force then
  nezuban-router rotations    [-json]         list the versions of the rotation file that were accepted
  nezuban-router state backup  [-force] FILE  write all that the router knows into a new file
  nezuban-router state restore FILE           bring it back into an empty state; nothing is sent again
  nezuban-router state dump                   print it, a JSON object a line
  nezuban-router preview      [-template FILE] [-channel email] [-kind trigger] [-incident ID|sample]
                                              show what messages would say
  nezuban-router version

Commands that ask a running router find it, and the token to ask with, through
-config FILE, or through -url URL and -token-file FILE. An ID may be as much of its
beginning or end as no other open one has. Each command says more with -help.
`

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// errUsage is a command line that is not understood; what is wrong with it was said.
var errUsage = errors.New("usage")

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run is main without the process's own arguments and streams.
func run(args []string, stdout, stderr io.Writer) int {
	if len(args) == 0 {
		fmt.Fprint(stderr, usage)
		return exitUsage
	}
	c := command{name: args[0], now: time.Now(), stdout: stdout, stderr: stderr}
	var err error
	switch c.name {
	case "run":
		return c.serve(args[1:])
	case "check-config":
		err = c.checkConfig(args[1:])
	case "incidents":
		err = c.incidents(args[1:])
	case "ack", "resolve":
		err = c.act(args[1:])
	case "snooze":
		err = c.snooze(args[1:])
	case "reassign":
		err = c.reassign(args[1:])
	case "note":
		err = c.note(args[1:])
	case "page":
		err = c.page(args[1:])
	case "silence":
		err = c.silence(args[1:])
	case "show":
		err = c.show(args[1:])
	case "forget":
		err = c.forget(args[1:])
	case "signin":
		err = c.signIn(args[1:])
	case "who":
		err = c.who(args[1:])
	case "rotations":
		err = c.rotations(args[1:])
	case "state":
		err = c.state(args[1:])
	case "preview":
		err = c.preview(args[1:])
	case "version":
		if len(args) > 1 && asksHelp(args[1]) {
			fmt.Fprint(stdout, usageOf(c.name))
			return 0
		}
		fmt.Fprintln(stdout, "nezuban-router", daemon.Version())
	default:
		if asksHelp(c.name) {
			fmt.Fprint(stdout, usage)
			return 0
		}
		fmt.Fprintf(stderr, "nezuban-router: command %q is not known\n%s", c.name, usage)
		return exitUsage
	}
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errUsage):
		return exitUsage
	case err != nil:
		fmt.Fprintln(stderr, err)
		return exitFailed
	}
	return 0
}

// asksHelp says that a word asks how a program is used.
func asksHelp(word string) bool {
	return slices.Contains([]string{"help", "-h", "-help", "--help"}, word)
}

// command is one call of the program.
type command struct {
	name           string
	now            time.Time // when it was given
	stdout, stderr io.Writer
	config         string
	url, tokenFile string
	warned         []string // what was said already
}

func (c *command) serve(args []string) int {
	switch _, err := c.parse(c.flags(), args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return exitUsage
	}
	cfg, err := app.Load(c.config, os.LookupEnv)
	if err != nil {
		fmt.Fprintln(c.stderr, err)
		return exitFailed
	}
	opts := daemon.Options{Name: "nezuban-router", LogLevel: cfg.LogLevel, SentryDSN: cfg.SentryDSN}
	return daemon.Main(opts, func(ctx context.Context, d *daemon.Daemon) error { return app.Run(ctx, cfg, d, c.stdout) })
}

func (c *command) checkConfig(args []string) error {
	if _, err := c.parse(c.flags(), args); err != nil {
		return err
	}
	cfg, err := app.Load(c.config, os.LookupEnv)
	if err == nil {
		err = errors.Join(app.CheckCertificates(cfg), app.CheckOnCall(cfg))
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "%s is good\n", c.config)
	return nil
}

// asking adds the flags that find a running router.
func (c *command) asking() *flag.FlagSet {
	set := c.flags()
	set.StringVar(&c.url, "url", "", "`URL` of the router; found through -config when not given")
	set.StringVar(&c.tokenFile, "token-file", "", "`file` with the token; found through -config when not given")
	return set
}

// client is a client of the router, with a token of the given kind.
func (c *command) client(kind access.Kind) (*client.Client, error) {
	if c.url == "" || c.tokenFile == "" {
		found, err := app.Find(c.config)
		if err != nil {
			return nil, fmt.Errorf("find the router by -config, or by both -url and -token-file: %w", err)
		}
		c.url = cmp.Or(c.url, found.URL)
		c.tokenFile = cmp.Or(c.tokenFile, filepath.Join(found.TokenDir, string(kind)))
	}
	token, err := access.ReadTokenFile(c.tokenFile)
	if err != nil {
		return nil, err
	}
	return client.New(c.url, token)
}

// How many closed incidents -all lists.
const (
	closedForPeople   = 100
	closedForPrograms = 100_000
)

func (c *command) incidents(args []string) error {
	set := c.asking()
	all := set.Bool("all", false, "closed ones too")
	asJSON := set.Bool("json", false, "for programs")
	if _, err := c.parse(set, args); err != nil {
		return err
	}
	router, err := c.client(access.Read)
	if err != nil {
		return err
	}
	closed := 0
	switch {
	case *all && *asJSON:
		closed = closedForPrograms
	case *all:
		closed = closedForPeople
	}
	list, err := router.Incidents(context.Background(), closed)
	if err != nil {
		return err
	}
	if *asJSON {
		return client.WriteJSON(c.stdout, list)
	}
	return client.WriteTable(c.stdout, list, time.Local)
}

func (c *command) forget(args []string) error {
	set := c.asking()
	found, err := c.parse(set, args, "HOST")
	if err != nil {
		return err
	}
	if slices.Contains([]string{"", ".", ".."}, found[0]) { // as a part of a URL these mean something else
		return c.misused("found %q, expected the name of a host", found[0])
	}
	router, err := c.client(access.Act)
	if err != nil {
		return err
	}
	if err = router.Forget(context.Background(), found[0]); err == nil {
		fmt.Fprintf(c.stdout, "%s: forgotten\n", found[0])
	}
	return err
}

func (c *command) signIn(args []string) error {
	set := c.asking()
	found, err := c.parse(set, args, "PERSON")
	if err != nil {
		return err
	}
	router, err := c.client(access.Act)
	if err != nil {
		return err
	}
	link, warnings, err := router.SignInLink(context.Background(), found[0])
	if err == nil {
		fmt.Fprintln(c.stdout, link)
		c.warn(warnings)
	}
	return err
}

func (c *command) who(args []string) error {
	set := c.asking()
	at := set.String("at", "", "`time` such as 08:00, \"2026-11-30 08:00\" by the clock of this machine, or 2026-11-30T08:00:00+01:00; now when not given")
	name := set.String("schedule", "", "`name` of the only schedule to answer for")
	asJSON := set.Bool("json", false, "for programs: one object a line")
	if _, err := c.parse(set, args); err != nil {
		return err
	}
	if *at != "" {
		t, err := when(*at, c.now)
		if err != nil {
			return c.misused("-at: %v", err)
		}
		*at = t.Format(time.RFC3339Nano)
	}
	router, err := c.client(access.Read)
	if err != nil {
		return err
	}
	who, err := router.Who(context.Background(), *at, *name)
	if err != nil {
		return err
	}
	if *asJSON {
		return client.WriteWhoJSON(c.stdout, who)
	}
	return client.WriteWho(c.stdout, who, time.Local)
}

func (c *command) rotations(args []string) error {
	set := c.asking()
	asJSON := set.Bool("json", false, "for programs")
	if _, err := c.parse(set, args); err != nil {
		return err
	}
	router, err := c.client(access.Read)
	if err != nil {
		return err
	}
	versions, err := router.Rotations(context.Background())
	if err != nil {
		return err
	}
	if *asJSON {
		return client.WriteVersionsJSON(c.stdout, versions)
	}
	return client.WriteVersions(c.stdout, versions, time.Local)
}

// whoami is the name of the user who types; the timeline wants a name.
func whoami() string {
	u, err := user.Current()
	if err != nil {
		return "unknown"
	}
	return u.Username
}
