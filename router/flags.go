package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"nezuban/router/internal/web"
)

// flags makes the flag set that all commands begin with.
func (c *command) flags() *flag.FlagSet {
	set := flag.NewFlagSet("nezuban-router "+c.name, flag.ContinueOnError)
	set.SetOutput(io.Discard)
	set.StringVar(&c.config, "config", "/etc/nezuban/router.toml", "configuration `file`")
	return set
}

// parse reads the command line, which has as many arguments as there are names, before, between or behind the flags.
func (c *command) parse(set *flag.FlagSet, args []string, names ...string) (found []string, err error) {
	if found, err = c.collect(set, args); err != nil {
		return nil, err
	}
	if len(found) != len(names) {
		return nil, c.misused("found %d arguments %q, expected %d %v", len(found), found, len(names), names)
	}
	return found, nil
}

// collect reads the command line, with any number of arguments. What follows -- is an argument, whatever it begins with.
func (c *command) collect(set *flag.FlagSet, args []string) (found []string, err error) {
	for len(args) > 0 {
		switch err := set.Parse(args); {
		case errors.Is(err, flag.ErrHelp):
			c.help(set)
			return nil, err
		case err != nil:
			return nil, c.misused("%v", err)
		}
		flags := len(args) - set.NArg()
		rest := set.Args()
		if flags > 0 && args[flags-1] == "--" {
			return append(found, rest...), nil
		}
		if len(rest) == 0 {
			break
		}
		found, args = append(found, rest[0]), rest[1:]
	}
	return found, nil
}

// misused says what is wrong with the command line.
func (c *command) misused(format string, args ...any) error {
	fmt.Fprintf(c.stderr, "nezuban-router %s: %s\nnezuban-router %s -help says how it is used\n", c.name, fmt.Sprintf(format, args...), c.name)
	return errUsage
}

// help prints how a command is used.
func (c *command) help(set *flag.FlagSet) {
	fmt.Fprint(c.stdout, usageOf(c.name))
	set.SetOutput(c.stdout)
	set.PrintDefaults()
}

// usageOf is the part of the usage about a command, or about all whose names begin so.
func usageOf(name string) string {
	var lines []string
	inside := false
	for line := range strings.Lines(usage) {
		of, begins := strings.CutPrefix(line, "  nezuban-router ")
		if begins {
			inside = strings.HasPrefix(strings.TrimSuffix(of, "\n")+" ", name+" ")
		}
		if inside && (begins || strings.HasPrefix(line, "      ")) {
			lines = append(lines, line)
		}
	}
	return "usage:\n" + strings.Join(lines, "")
}

// length is a flag with a length of time.
type length struct {
	time.Duration

	text string // as it was given
}

// String is for the flag package.
func (l *length) String() string { return l.text }

// Set reads what [web.ParseLength] does.
func (l *length) Set(text string) error {
	d, err := web.ParseLength(text)
	if err != nil {
		return fmt.Errorf("expected %w", err)
	}
	*l = length{d, text}
	return nil
}

// until are the flags that say when something ends.
type until struct {
	length length
	at     string
}

func (u *until) add(set *flag.FlagSet) {
	set.Var(&u.length, "for", "how `long`, such as 90m, 2h, 3d or 1w")
	set.StringVar(&u.at, "until", "", "a `time` such as 08:00, \"2026-11-30 08:00\" by the clock of this machine, or 2026-11-30T08:00:00+01:00")
}

// end is the end of something that begins at a time: exactly one of the flags gives it, -for as a length of at most longest.
func (u *until) end(begin, now time.Time, longest time.Duration) (time.Time, error) {
	switch {
	case (u.length.Duration == 0) == (u.at == ""):
		return time.Time{}, errors.New("expected one of -for, a length such as 2h, and -until, a time: when does it end?")
	case u.at == "":
		if err := web.AtMost(u.length.Duration, longest); err != nil {
			return time.Time{}, fmt.Errorf("-for: found %s, expected %w", u.length.text, err)
		}
		return begin.Add(u.length.Duration), nil
	}
	end, err := when(u.at, now)
	if err != nil {
		return time.Time{}, fmt.Errorf("-until: %w", err)
	}
	if !end.After(now) {
		return time.Time{}, fmt.Errorf("-until: found %s, which is over, expected a time to come", end.Format(shownForm))
	}
	return end, nil
}
