package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"nezuban/router/internal/access"
	"nezuban/router/internal/client"
	"nezuban/router/internal/incident"
)

// silence is `silence add`, `silence list` and `silence end`.
func (c *command) silence(args []string) error {
	verb := ""
	if len(args) > 0 {
		verb = args[0]
	}
	verbs := map[string]func([]string) error{"add": c.addSilence, "list": c.listSilences, "end": c.endSilence}
	do, ok := verbs[verb]
	if !ok {
		fmt.Fprintf(c.stderr, "nezuban-router silence: found %q, expected add, list or end\n", verb)
		return errUsage
	}
	c.name += " " + verb
	return do(args[1:])
}

func (c *command) addSilence(args []string) error {
	set := c.asking()
	by := set.String("by", whoami(), "`name` of who does it")
	reason := set.String("reason", "", "why nobody is to be paged")
	begin := set.String("from", "", "a `time` such as 2026-11-30T08:00:00+01:00; now when not given")
	length := set.Duration("for", 0, "how `long`, such as 2h")
	end := set.String("until", "", "a `time` such as 2026-11-30T10:00:00+01:00")
	matchers, err := c.collect(set, args)
	if err != nil {
		return err
	}
	from, until, err := silenceTimes(*begin, *length, *end, c.now)
	if err == nil {
		err = checkSilence(matchers, *reason)
	}
	if err != nil {
		fmt.Fprintf(c.stderr, "nezuban-router %s: %v\n", c.name, err)
		return errUsage
	}
	router, err := c.client(access.Act)
	if err != nil {
		return err
	}
	s, err := router.Silence(context.Background(), matchers, from, until, *reason, *by)
	if err == nil {
		fmt.Fprintf(c.stdout, "%s: until %s\n", s.ID, s.Until.Local().Format("2006-01-02 15:04 MST"))
	}
	return err
}

// silenceTimes are the begin, zero for now, and the end that exactly one of two flags gives.
func silenceTimes(begin string, length time.Duration, end string, now time.Time) (from, until time.Time, err error) {
	after := now
	if begin != "" {
		if from, err = time.Parse(time.RFC3339, begin); err != nil {
			return from, until, fmt.Errorf("-from: found %q, expected a time like 2026-11-30T08:00:00+01:00", begin)
		}
		after = from
	}
	until, err = snoozeEnd(length, end, after)
	return from, until, err
}

// checkSilence refuses what need not be asked for.
func checkSilence(matchers []string, reason string) error {
	if len(matchers) == 0 {
		return errors.New("expected matchers such as host=web1: an alert is silenced when all of them hold")
	}
	for _, text := range matchers {
		if _, err := incident.ParseMatcher(text); err != nil {
			return fmt.Errorf("found %q, expected %w", text, err)
		}
	}
	if reason == "" {
		return errors.New("-reason says why nobody is to be paged")
	}
	return nil
}

func (c *command) listSilences(args []string) error {
	set := c.asking()
	all := set.Bool("all", false, "also those that were over up to a week ago")
	asJSON := set.Bool("json", false, "for programs: one object a line")
	if _, err := c.parse(set, args); err != nil {
		return err
	}
	router, err := c.client(access.Read)
	if err != nil {
		return err
	}
	list, err := router.Silences(context.Background())
	if err != nil {
		return err
	}
	if !*all {
		list = slices.DeleteFunc(list, func(s incident.Silence) bool { return s.Over(c.now) })
	}
	if *asJSON {
		return client.WriteSilencesJSON(c.stdout, list)
	}
	return client.WriteSilences(c.stdout, list, c.now, time.Local)
}

func (c *command) endSilence(args []string) error {
	set := c.asking()
	by := set.String("by", whoami(), "`name` of who does it")
	found, err := c.parse(set, args, "ID")
	if err != nil {
		return err
	}
	router, err := c.client(access.Act)
	if err != nil {
		return err
	}
	if err = router.EndSilence(context.Background(), found[0], *by); err == nil {
		fmt.Fprintf(c.stdout, "%s: ended\n", found[0])
	}
	return err
}

// show is `show ID`: one incident with its timeline.
func (c *command) show(args []string) error {
	set := c.asking()
	asJSON := set.Bool("json", false, "for programs")
	found, err := c.parse(set, args, "ID")
	if err != nil {
		return err
	}
	router, err := c.client(access.Read)
	if err != nil {
		return err
	}
	story, err := router.Story(context.Background(), found[0])
	if err != nil {
		return err
	}
	if *asJSON {
		return client.WriteStoryJSON(c.stdout, story)
	}
	return client.WriteStory(c.stdout, story, time.Local)
}
