package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"nezuban/router/internal/access"
	"nezuban/router/internal/client"
	"nezuban/router/internal/incident"
)

// silence is `silence add`, `silence list` and `silence end`.
func (c *command) silence(args []string) error {
	verbs := map[string]func([]string) error{"add": c.addSilence, "list": c.listSilences, "end": c.endSilence}
	verb := ""
	if len(args) > 0 {
		verb = args[0]
	}
	do, ok := verbs[verb]
	switch {
	case asksHelp(verb):
		fmt.Fprint(c.stdout, usageOf(c.name))
		return flag.ErrHelp
	case !ok:
		return c.misused("found %q, expected add, list or end", verb)
	}
	c.name += " " + verb
	return do(args[1:])
}

func (c *command) addSilence(args []string) error {
	set := c.asking()
	by := set.String("by", whoami(), "`name` of who does it")
	reason := set.String("reason", "", "`why` nobody is to be paged")
	begin := set.String("from", "", "a `time`, as for -until; now when not given")
	asJSON := set.Bool("json", false, "for programs: the silence as one object")
	var u until
	u.add(set)
	matchers, err := c.collect(set, args)
	if err != nil {
		return err
	}
	from, end, err := silenceTimes(*begin, u, c.now)
	if err == nil {
		err = checkSilence(matchers, *reason)
	}
	if err != nil {
		return c.misused("%v", err)
	}
	router, err := c.client(access.Act)
	if err != nil {
		return err
	}
	s, err := router.Silence(context.Background(), matchers, from, end, *reason, *by)
	if err != nil {
		return err
	}
	c.warn(s.Warnings)
	if *asJSON {
		return client.WriteSilencedJSON(c.stdout, s)
	}
	return client.WriteSilenced(c.stdout, s, time.Local)
}

// silenceTimes are the begin, zero for now, and the end.
func silenceTimes(begin string, u until, now time.Time) (from, end time.Time, err error) {
	after := now
	if begin != "" {
		if from, err = when(begin, now); err != nil {
			return from, end, fmt.Errorf("-from: %w", err)
		}
		after = from
	}
	end, err = u.end(after, now, incident.LongestSilence)
	return from, end, err
}

// checkSilence refuses what need not be asked for.
func checkSilence(matchers []string, reason string) error {
	if len(matchers) == 0 {
		return errors.New("expected matchers such as host=web1: an alert is silenced when all of them hold")
	}
	for _, text := range matchers {
		if _, err := incident.ParseMatcher(text); err != nil {
			return fmt.Errorf("found %.100q, expected %w", text, err)
		}
	}
	if strings.TrimSpace(reason) == "" {
		return errors.New("expected -reason: why is nobody to be paged?")
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
	id, err := router.FindSilence(context.Background(), found[0])
	if err != nil {
		return err
	}
	done, err := router.EndSilence(context.Background(), id, *by)
	if err == nil {
		fmt.Fprintf(c.stdout, "%s: ended\n", id)
		c.warn(done.Warnings)
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
	id, err := router.Find(context.Background(), found[0])
	if err != nil {
		return err
	}
	story, err := router.Story(context.Background(), id)
	if err != nil {
		return err
	}
	if *asJSON {
		return client.WriteStoryJSON(c.stdout, story)
	}
	return client.WriteStory(c.stdout, story, time.Local)
}
