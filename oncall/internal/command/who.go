package command

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"time"

	"nezuban/oncall/schedule"
)

// asker answers who is on call in the form that was asked for.
type asker struct {
	file     *schedule.File
	schedule string // "": all of them
	json     bool
	w        World
}

func who(args []string, w World) int {
	flags := flag.NewFlagSet("who", flag.ContinueOnError)
	name := flags.String("schedule", "", "")
	at := flags.String("at", "", "")
	asJSON := flags.Bool("json", false, "")
	path, err := parse(flags, args, w)
	if err != nil {
		return exitRefused
	}
	file, err := load(path)
	if err != nil {
		fmt.Fprintln(w.Err, err)
		return exitRefused
	}
	if _, err := chosen(file, *name); err != nil {
		fmt.Fprintf(w.Err, "nezuban-oncall who: %v\n", err)
		return exitRefused
	}
	ask := asker{file: file, schedule: *name, json: *asJSON, w: w}
	switch *at {
	case "":
		err = ask.at(w.Now.In(file.Zone()).Format(time.RFC3339))
	case "-":
		err = ask.lines()
	default:
		if err = ask.at(*at); err != nil {
			err = fmt.Errorf("--at: %w", err)
		}
	}
	if err != nil {
		fmt.Fprintf(w.Err, "nezuban-oncall who: %v\n", err)
		return exitRefused
	}
	return exitOK
}

// lines answers for each time of the input. Blank lines are skipped; the first bad one ends it.
func (a asker) lines() error {
	in := bufio.NewScanner(a.w.In)
	number := 0
	for in.Scan() {
		number++
		text := strings.TrimSpace(in.Text())
		if text == "" {
			continue
		}
		if err := a.at(text); err != nil {
			return fmt.Errorf("input line %d: %w", number, err)
		}
	}
	if err := in.Err(); err != nil {
		return fmt.Errorf("input line %d: %w", number+1, err)
	}
	return nil
}

// at answers for one time, which the answer echoes as it was written.
func (a asker) at(text string) error {
	t, err := instant(text)
	if err != nil {
		return err
	}
	for _, answer := range a.answers(t) {
		if err := a.print(answer, text); err != nil {
			return err
		}
	}
	return nil
}

func (a asker) answers(t time.Time) []schedule.Answer {
	if a.schedule == "" {
		return a.file.OnCall(t)
	}
	answer, err := a.file.Who(a.schedule, t)
	if err != nil {
		return nil // the name has been checked
	}
	return []schedule.Answer{answer}
}

// print writes an answer as one line.
func (a asker) print(answer schedule.Answer, at string) error {
	if !a.json {
		_, err := fmt.Fprintln(a.w.Out, answer)
		return err
	}
	line, err := asJSON(answer, at)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(a.w.Out, "%s\n", line)
	return err
}

// asJSON is an answer with its time as it was written, not as Go would write it.
func asJSON(answer schedule.Answer, at string) ([]byte, error) {
	data, err := json.Marshal(answer)
	if err != nil {
		return nil, err
	}
	fields := map[string]any{}
	if err := json.Unmarshal(data, &fields); err != nil {
		return nil, err
	}
	fields["at"] = at
	return json.Marshal(fields)
}
