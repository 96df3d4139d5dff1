package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"strings"
	"time"

	"nezuban/router/internal/access"
)

// acting adds the flags of a command that a person gives about an incident.
func (c *command) acting() (set *flag.FlagSet, by, note *string) {
	set = c.asking()
	by = set.String("by", whoami(), "`name` of who does it")
	note = set.String("note", "", "a remark for the timeline")
	return set, by, note
}

func (c *command) act(args []string) error {
	set, by, note := c.acting()
	found, err := c.parse(set, args, "ID")
	if err != nil {
		return err
	}
	router, err := c.client(access.Act)
	if err != nil {
		return err
	}
	id, did := found[0], "acknowledged"
	if c.name == "ack" {
		err = router.Acknowledge(context.Background(), id, *by, *note)
	} else {
		did, err = "resolved", router.Resolve(context.Background(), id, *by, *note)
	}
	if err == nil {
		fmt.Fprintf(c.stdout, "%s: %s\n", id, did)
	}
	return err
}

func (c *command) snooze(args []string) error {
	set, by, note := c.acting()
	length := set.Duration("for", 0, "how `long`, such as 2h")
	end := set.String("until", "", "a `time` such as 2026-11-30T08:00:00+01:00")
	found, err := c.parse(set, args, "ID")
	if err != nil {
		return err
	}
	until, err := snoozeEnd(*length, *end, c.now)
	if err != nil {
		fmt.Fprintf(c.stderr, "nezuban-router snooze: %v\n", err)
		return errUsage
	}
	router, err := c.client(access.Act)
	if err != nil {
		return err
	}
	if err = router.Snooze(context.Background(), found[0], *by, *note, until); err == nil {
		fmt.Fprintf(c.stdout, "%s: snoozed until %s\n", found[0], until.Format("2006-01-02 15:04 MST"))
	}
	return err
}

// snoozeEnd is the end that exactly one of the two flags gives.
func snoozeEnd(length time.Duration, end string, now time.Time) (time.Time, error) {
	switch {
	case (length == 0) == (end == ""):
		return time.Time{}, errors.New("exactly one of -for and -until says when it shall be heard of again")
	case length < 0:
		return time.Time{}, fmt.Errorf("-for: found %s, expected a duration like 2h", length)
	case length > 0:
		return now.Add(length), nil
	}
	until, err := time.Parse(time.RFC3339, end)
	if err != nil {
		return time.Time{}, fmt.Errorf("-until: found %q, expected a time like 2026-11-30T08:00:00+01:00", end)
	}
	return until, nil
}

func (c *command) reassign(args []string) error {
	set, by, note := c.acting()
	to := set.String("to", "", "the `person` of the rotation file who gets it")
	found, err := c.parse(set, args, "ID")
	if err != nil {
		return err
	}
	if *to == "" {
		fmt.Fprintln(c.stderr, "nezuban-router reassign: -to says who gets it")
		return errUsage
	}
	router, err := c.client(access.Act)
	if err != nil {
		return err
	}
	if err = router.Reassign(context.Background(), found[0], *by, *to, *note); err == nil {
		fmt.Fprintf(c.stdout, "%s: reassigned to %s\n", found[0], *to)
	}
	return err
}

func (c *command) note(args []string) error {
	set := c.asking()
	by := set.String("by", whoami(), "`name` of who notes it")
	found, err := c.parse(set, args, "ID", "TEXT")
	if err != nil {
		return err
	}
	router, err := c.client(access.Act)
	if err != nil {
		return err
	}
	if err = router.Note(context.Background(), found[0], *by, found[1]); err == nil {
		fmt.Fprintf(c.stdout, "%s: noted\n", found[0])
	}
	return err
}

func (c *command) page(args []string) error {
	set := c.asking()
	by := set.String("by", whoami(), "`name` of who pages")
	severity := set.String("severity", "page", "page, ticket or info")
	key := set.String("key", rand.Text(), "tells two pages apart; the same `key` again opens no second incident")
	labels := labelFlag{}
	set.Var(labels, "label", "`NAME=VALUE` by which routes match; may be given several times")
	found, err := c.parse(set, args, "TEXT")
	if err != nil {
		return err
	}
	router, err := c.client(access.Act)
	if err != nil {
		return err
	}
	id, err := router.Page(context.Background(), *key, *by, found[0], *severity, labels)
	if err == nil {
		fmt.Fprintln(c.stdout, id)
	}
	return err
}

// labelFlag collects labels from the command line.
type labelFlag map[string]string

// String is for the flag package.
func (l labelFlag) String() string { return fmt.Sprint(map[string]string(l)) }

// Set reads NAME=VALUE.
func (l labelFlag) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return fmt.Errorf("found %q, expected NAME=VALUE", text)
	}
	l[name] = value
	return nil
}
