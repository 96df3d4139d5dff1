package command

import (
	"encoding/json"
	"flag"
	"fmt"
	"time"

	"nezuban/oncall/internal/report"
)

// next says when a person is on call, in their own zone, one line for each schedule.
func next(args []string, w World) int {
	flags := flag.NewFlagSet("next", flag.ContinueOnError)
	name := flags.String("schedule", "", "")
	at := flags.String("at", "", "")
	asJSON := flags.Bool("json", false, "")
	given, err := words(flags, args, w, "rotation file", "person")
	if err != nil {
		return exitRefused
	}
	file, err := load(given[0])
	if err != nil {
		fmt.Fprintln(w.Err, err)
		return exitRefused
	}
	who, err := person(file, given[1])
	if err != nil {
		return refuse(w, "next", fmt.Errorf("person: %w", err))
	}
	schedules, err := chosen(file, *name)
	if err != nil {
		return refuse(w, "next", err)
	}
	from, err := moment(*at, w, file.Zone())
	if err != nil {
		return refuse(w, "next", err)
	}
	for _, s := range schedules {
		found := report.NextOf(file, s, who.Name, from)
		if *asJSON {
			err = printJSON(w, nextJSON(found, from, who.Zone))
		} else {
			_, err = fmt.Fprintln(w.Out, nextText(found, who.Zone))
		}
		if err != nil {
			return refuse(w, "next", err)
		}
	}
	return exitOK
}

// refuse says why a command cannot be done.
func refuse(w World, command string, err error) int {
	fmt.Fprintf(w.Err, "nezuban-oncall %s: %v\n", command, err)
	return exitRefused
}

// printJSON writes a value as one line.
func printJSON(w World, value any) error {
	data, err := json.Marshal(value)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w.Out, "%s\n", data)
	return err
}

// nextText is such as "alice: on call for api now, until 2026-11-30 09:00 CET; again from …".
func nextText(n report.Next, zone *time.Location) string {
	head := fmt.Sprintf("%s: ", n.Person)
	then := ""
	if !n.From.IsZero() {
		then = fmt.Sprintf("from %s until %s", n.From.In(zone).Format(minute), until(n.To, zone))
	}
	switch {
	case n.OnCall && then != "":
		return head + fmt.Sprintf("on call for %s now, until %s; again %s", n.Schedule, until(n.Until, zone), then)
	case n.OnCall && n.Until.IsZero():
		return head + fmt.Sprintf("on call for %s now, until further notice", n.Schedule)
	case n.OnCall:
		return head + fmt.Sprintf("on call for %s now, until %s; not again within ten years", n.Schedule, until(n.Until, zone))
	case then != "":
		return head + fmt.Sprintf("on call for %s %s", n.Schedule, then)
	}
	return head + fmt.Sprintf("not on call for %s within ten years", n.Schedule)
}

// nextLine is an answer of next for scripts: times in the person's zone, null where there is none within ten years.
type nextLine struct {
	At       time.Time  `json:"at"`
	Person   string     `json:"person"`
	Schedule string     `json:"schedule"`
	OnCall   bool       `json:"on_call"`
	Until    *time.Time `json:"until"`
	NextFrom *time.Time `json:"next_from"`
	NextTo   *time.Time `json:"next_to"`
}

func nextJSON(n report.Next, at time.Time, zone *time.Location) nextLine {
	return nextLine{
		At: at.In(zone), Person: n.Person, Schedule: n.Schedule, OnCall: n.OnCall,
		Until: orNull(n.Until, zone), NextFrom: orNull(n.From, zone), NextTo: orNull(n.To, zone),
	}
}
