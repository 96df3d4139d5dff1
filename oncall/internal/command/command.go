// Package command is the command line of nezuban-oncall: what its sub-commands read, print and exit with.
//
// What was asked for goes to the output, everything else to the error output. Main calls it; it holds no rules about
// rotation files of its own, those are in packages schedule and lint.
package command

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"nezuban/oncall/schedule"
)

// Exit codes.
const (
	exitOK      = 0
	exitFound   = 1 // check has found errors in a file that can be used, diff that somebody's next hours change, or a router refused
	exitRefused = 2 // the file, or the command line, cannot be used, or the router could not be asked
)

const usage = `usage:
  nezuban-oncall check FILE [--at TIME] [--pto DIR] [--against OLD] [--approved NAME,NAME] [--clock-changes] [--json]
        judge the rotation file: exit 0 when it is good, 1 on lint errors, 2 when it is refused; DIR has the calendars
        that people name as pto; against OLD, a FILE or FILE@REV, it is an error too to alter who was on call before --at,
        or to change somebody's time within the notice of [limits] who has not approved; --clock-changes also lists how
        long the shifts are in which a clock is changed
  nezuban-oncall who FILE [--schedule NAME] [--at TIME] [--json]
        say who is on call, one line for each schedule; --at - reads times with a zone from the input, one a line
  nezuban-oncall next FILE PERSON [--schedule NAME] [--at TIME] [--json]
        say until when a person is on call, and when they are next
  nezuban-oncall why FILE [--schedule NAME] [--at TIME] [--json]
        say why these people are on call, with the lines of the file that make it so
  nezuban-oncall shifts FILE [--from TIME] [--to TIME] [--schedule NAME] [--person NAME] [--format FORMAT]
        list the shifts of eight weeks, or from TIME to TIME; FORMAT is table, json, csv, markdown, ical or month
  nezuban-oncall diff OLD NEW [--from TIME] [--to TIME] [--schedule NAME] [--at TIME] [--hours N] [--format FORMAT]
        say whose shifts move between two versions, each a FILE or a git revision of it, FILE@REV, and what else
        differs; exit 1 when somebody's next 48 hours change, or N; FORMAT is text, json or markdown
  nezuban-oncall fairness FILE [--from TIME] [--to TIME] [--schedule NAME] [--format FORMAT]
        count the hours, nights, weekends, holidays and shifts back to back of each person in a year, or from TIME to
        TIME; FORMAT is table, json, csv or markdown
  nezuban-oncall simulate FILE [NEW] --incidents LOG [--answers-after LENGTH] [--format FORMAT]
        let a history of incidents happen under a file, or under two versions of it: who would have been woken at what
        hour, and after how long somebody reached; LOG has JSON lines, - is the input; FORMAT is text, json, csv or markdown
  nezuban-oncall cover FILE --on SCHEDULE --by PERSON --for PERSON --from TIME --to TIME [--zone ZONE]
  nezuban-oncall add FILE --on SCHEDULE --who PERSON --from TIME --to TIME [--zone ZONE]
  nezuban-oncall off FILE PERSON --from TIME --to TIME [--zone ZONE]
  nezuban-oncall swap FILE --on SCHEDULE [--layer LAYER] 'PERSON DAY' 'PERSON DAY'
  nezuban-oncall join FILE PERSON --on SCHEDULE [--layer LAYER] [--at TIME] [--after PERSON] [--page CHANNEL ...] [--person-zone ZONE]
  nezuban-oncall leave FILE PERSON [--on SCHEDULE] [--layer LAYER] [--at TIME]
        write a change into the file, or let somebody join or leave a ring at a handoff; shows what it does first, and
        with --dry-run only that
  nezuban-oncall apply FILE --router URL [--token-file FILE] [--by NAME] [--ca FILE] [--plain-http] [--timeout T] [--json]
        put the file in force on a router: exit 0 when it is, 1 when the router refused it, 2 when it was not asked;
        the token is in FILE or in the variable NEZUBAN_TOKEN
  nezuban-oncall version
        print the version, and the release of the tz database in it

TIME is such as 2026-11-30T09:00:00+01:00, a local time of the file's zone such as "2026-11-30 09:00", or a day such as
2026-11-30, which --to includes. Without --at it is now. The FILE of shifts and fairness, too, may be
a git revision of it, FILE@REV.
`

// World is what a command has of its surroundings.
type World struct {
	In       io.Reader
	Out, Err io.Writer
	Now      time.Time
	Version  string
	Colour   bool // the output is a terminal that shows colours
	Env      func(name string) string
}

// errUsage is a command line that cannot be understood; what is wrong has been said.
var errUsage = errors.New("bad command line")

// Run runs the command that args name, without the program's own name, and gives its exit code.
func Run(args []string, w World) int {
	if len(args) == 0 {
		fmt.Fprint(w.Err, usage)
		return exitRefused
	}
	if slices.ContainsFunc(args[1:], asksHelp) {
		if own := usageOf(args[0]); own != "" {
			fmt.Fprint(w.Out, "usage:\n"+own)
			return exitOK
		}
	}
	if edit, ok := editings()[args[0]]; ok {
		return change(edit(), args[1:], w)
	}
	switch args[0] {
	case "check":
		return check(args[1:], w)
	case "who":
		return who(args[1:], w)
	case "next":
		return next(args[1:], w)
	case "why":
		return why(args[1:], w)
	case "shifts":
		return shifts(args[1:], w)
	case "diff":
		return diff(args[1:], w)
	case "fairness":
		return fairness(args[1:], w)
	case "simulate":
		return simulate(args[1:], w)
	case "apply":
		return applyFile(args[1:], w)
	case "version":
		fmt.Fprintf(w.Out, "nezuban-oncall %s, tz database %s\n", w.Version, schedule.TZRelease)
		return exitOK
	case "help", "-h", "-help", "--help":
		fmt.Fprint(w.Out, usage)
		return exitOK
	}
	fmt.Fprintf(w.Err, "nezuban-oncall: unknown command %q\n%s", args[0], usage)
	return exitRefused
}

// asksHelp says that a word behind a command asks how that is used.
func asksHelp(word string) bool { return slices.Contains([]string{"-h", "-help", "--help"}, word) }

// usageOf is the part of the usage about a command; "" when there is none.
func usageOf(name string) string {
	var own strings.Builder
	inside, worded := false, true // worded: the lines of the command have been followed by what they do
	for line := range strings.Lines(usage) {
		of, begins := strings.CutPrefix(line, "  nezuban-oncall ")
		switch {
		case begins && strings.HasPrefix(strings.TrimSuffix(of, "\n")+" ", name+" "):
			inside, worded = true, false
			own.WriteString(line)
		case inside && strings.HasPrefix(line, "        "):
			worded = true
			own.WriteString(line)
		case begins && !worded, !begins && !inside: // another command of the same words
		default:
			inside = inside && !worded
		}
	}
	return own.String()
}

// parse reads flags that may stand before or after the file, which it gives.
func parse(flags *flag.FlagSet, args []string, w World) (file string, err error) {
	given, err := words(flags, args, w, "rotation file")
	if err != nil {
		return "", err
	}
	return given[0], nil
}

// words reads flags that may stand before, between and after the words of a command line. It gives those words, one
// for each of wanted, which says what they are.
func words(flags *flag.FlagSet, args []string, w World, wanted ...string) ([]string, error) {
	return someWords(flags, args, w, len(wanted), wanted...)
}

// someWords is words where those after the first few may be left out.
func someWords(flags *flag.FlagSet, args []string, w World, least int, wanted ...string) ([]string, error) {
	flags.SetOutput(io.Discard)
	var found []string
	for len(args) > 0 {
		if err := flags.Parse(args); err != nil {
			fmt.Fprintf(w.Err, "nezuban-oncall %s: %v\n%s", flags.Name(), err, usage)
			return nil, errUsage
		}
		if args = flags.Args(); len(args) == 0 {
			break
		}
		if len(found) == len(wanted) {
			last := len(wanted) - 1
			what := wanted[last][strings.LastIndexByte(wanted[last], ' ')+1:]
			fmt.Fprintf(w.Err, "nezuban-oncall %s: unexpected %q after the %s %q\n%s", flags.Name(), args[0], what, found[last], usage)
			return nil, errUsage
		}
		found, args = append(found, args[0]), args[1:]
	}
	if len(found) < least {
		fmt.Fprintf(w.Err, "nezuban-oncall %s: no %s given\n%s", flags.Name(), wanted[len(found)], usage)
		return nil, errUsage
	}
	return found, nil
}

// load reads a rotation file.
func load(path string) (*schedule.File, error) {
	data, err := read(path)
	if err != nil {
		return nil, err
	}
	return schedule.Parse(path, data)
}

// read reads the bytes of a rotation file: at most one more than it may have, so that too much is seen as such.
func read(path string) ([]byte, error) {
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read rotation file: %w", err)
	}
	defer in.Close()
	data, err := io.ReadAll(io.LimitReader(in, schedule.MaxBytes+1))
	if err != nil {
		return nil, fmt.Errorf("read rotation file: %w", err)
	}
	return data, nil
}

// instant reads a time of the input of who, which has a zone.
func instant(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, fmt.Errorf("found %q, expected a time like 2026-11-30T09:00:00+01:00", text)
	}
	return t, nil
}
