package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"

	"nezuban/router/internal/access"
	"nezuban/router/internal/client"
	"nezuban/router/internal/incident"
	"nezuban/router/internal/web"
)

// acting adds the flags of a command that a person gives about incidents.
func (c *command) acting() (set *flag.FlagSet, by, note *string) {
	set = c.asking()
	by = set.String("by", whoami(), "`name` of who does it")
	note = set.String("note", "", "a remark for the timeline")
	return set, by, note
}

// ids reads a command line whose arguments are ids.
func (c *command) ids(set *flag.FlagSet, args []string) ([]string, error) {
	found, err := c.collect(set, args)
	if err == nil && len(found) == 0 {
		err = c.misused("expected the ID of an incident, or several")
	}
	return found, err
}

// each does something with each of some incidents, and says what was done. One that fails hinders no other.
func (c *command) each(ids []string, did func(web.Acted) string, do func(ctx context.Context, router *client.Client, id string) (web.Acted, error)) error {
	router, err := c.client(access.Act)
	if err != nil {
		return err
	}
	var failed []error
	for _, text := range ids {
		id, err := router.Find(context.Background(), text)
		var done web.Acted
		if err == nil {
			done, err = do(context.Background(), router, id)
		}
		if err != nil {
			failed = append(failed, err)
			continue
		}
		fmt.Fprintf(c.stdout, "%s: %s\n", id, did(done))
		c.warn(done.Warnings)
	}
	return errors.Join(failed...)
}

// warn says what the router has warned of, of what is done, each once.
func (c *command) warn(of []string) {
	for _, warning := range of {
		if !slices.Contains(c.warned, warning) {
			c.warned = append(c.warned, warning)
			fmt.Fprintf(c.stderr, "nezuban-router %s: done; %s\n", c.name, client.Printable(warning))
		}
	}
}

func (c *command) act(args []string) error {
	set, by, note := c.acting()
	ids, err := c.ids(set, args)
	if err != nil {
		return err
	}
	if c.name == "ack" {
		return c.each(ids, taking("acknowledged"), func(ctx context.Context, router *client.Client, id string) (web.Acted, error) {
			return router.Acknowledge(ctx, id, *by, *note)
		})
	}
	return c.each(ids, resolved, func(ctx context.Context, router *client.Client, id string) (web.Acted, error) {
		return router.Resolve(ctx, id, *by, *note)
	})
}

// saying says the same of each.
func saying(did string) func(web.Acted) string {
	return func(web.Acted) string { return did }
}

// taking also says from whom somebody has taken an incident over.
func taking(did string) func(web.Acted) string {
	return func(done web.Acted) string {
		if done.TakenOverFrom == "" {
			return did
		}
		return did + ", taken over from " + client.Printable(done.TakenOverFrom)
	}
}

// resolved says that a condition that goes on comes back.
func resolved(done web.Acted) string {
	if len(done.StillFiring) > 0 {
		return "resolved; its cause goes on as far as the router knows, and pages anew when it is heard of: snooze an incident to have peace"
	}
	return "resolved"
}

func (c *command) snooze(args []string) error {
	set, by, note := c.acting()
	var u until
	u.add(set)
	ids, err := c.ids(set, args)
	if err != nil {
		return err
	}
	end, err := u.end(c.now, c.now, incident.LongestSnooze)
	if err != nil {
		return c.misused("%v", err)
	}
	return c.each(ids, taking("snoozed until "+end.Local().Format(shownForm)), func(ctx context.Context, router *client.Client, id string) (web.Acted, error) {
		return router.Snooze(ctx, id, *by, *note, end)
	})
}

func (c *command) reassign(args []string) error {
	set, by, note := c.acting()
	to := set.String("to", "", "the `person` of the rotation file who gets it")
	ids, err := c.ids(set, args)
	if err != nil {
		return err
	}
	if *to == "" {
		return c.misused("expected -to: who gets it?")
	}
	return c.each(ids, saying("reassigned to "+*to), func(ctx context.Context, router *client.Client, id string) (web.Acted, error) {
		return router.Reassign(ctx, id, *by, *to, *note)
	})
}

func (c *command) note(args []string) error {
	set := c.asking()
	by := set.String("by", whoami(), "`name` of who notes it")
	found, err := c.collect(set, args)
	if err != nil {
		return err
	}
	if len(found) < 2 || text(found[1:]) == "" {
		return c.misused("found %q, expected the ID of an incident and a TEXT", found)
	}
	return c.each(found[:1], saying("noted"), func(ctx context.Context, router *client.Client, id string) (web.Acted, error) {
		return router.Note(ctx, id, *by, text(found[1:]))
	})
}

// text is what the words of a command line say together.
func text(words []string) string { return strings.TrimSpace(strings.Join(words, " ")) }

func (c *command) page(args []string) error {
	set := c.asking()
	by := set.String("by", whoami(), "`name` of who pages")
	severity := set.String("severity", "page", "`how` much it disturbs: page, ticket or info")
	key := set.String("key", "", "tells two pages apart: the same `key` again opens no second incident; one of its own when not given")
	labels := labelFlag{}
	set.Var(labels, "label", "`NAME=VALUE` by which routes match; may be given several times")
	found, err := c.collect(set, args)
	if err != nil {
		return err
	}
	if text(found) == "" {
		return c.misused("expected a TEXT that says what is the matter")
	}
	router, err := c.client(access.Act)
	if err != nil {
		return err
	}
	opened, err := router.Page(context.Background(), cmp.Or(*key, rand.Text()), *by, text(found), *severity, labels)
	if err != nil {
		return err
	}
	fmt.Fprintln(c.stdout, opened.ID)
	c.warn(opened.Warnings)
	switch {
	case !opened.Joined && incident.Severity(*severity) == incident.SeverityInfo:
		fmt.Fprintf(c.stderr, "nezuban-router page: nobody is paged for an incident of severity info: %s is only listed\n", client.Printable(opened.ID))
	case opened.Joined:
		fmt.Fprintf(c.stderr, "nezuban-router page: incident %s is open under this key: no second one was opened, and only a severity that rises pages again\n", client.Printable(opened.ID))
	}
	return nil
}

// labelFlag collects labels from the command line.
type labelFlag map[string]string

// String is for the flag package.
func (l labelFlag) String() string {
	if len(l) == 0 {
		return ""
	}
	return fmt.Sprint(map[string]string(l))
}

// Set reads NAME=VALUE.
func (l labelFlag) Set(text string) error {
	name, value, ok := strings.Cut(text, "=")
	if !ok || name == "" {
		return fmt.Errorf("found %q, expected NAME=VALUE", text)
	}
	if before, twice := l[name]; twice {
		return fmt.Errorf("found %s twice, as %q and as %q, expected each label once", name, before, value)
	}
	l[name] = value
	return nil
}
