package command

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"time"

	"nezuban/oncall/schedule"
)

// asker answers who is on call in the form that was asked for.
type asker struct {
	file     *schedule.File
	schedule string // "": all of them
	json     bool
	in       io.Reader
	out      *bufio.Writer
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
	ask := asker{file: file, schedule: *name, json: *asJSON, in: w.In, out: bufio.NewWriter(w.Out)}
	if *at == "-" {
		err = ask.lines()
	} else {
		err = ask.flag(*at, w)
	}
	if err := errors.Join(err, ask.out.Flush()); err != nil {
		fmt.Fprintf(w.Err, "nezuban-oncall who: %v\n", err)
		return exitRefused
	}
	return exitOK
}

// maxLine bounds a line of the input; a time is far shorter.
const maxLine = 64 << 10

// lines answers for each time of the input. Blank lines are skipped; the first bad one ends it. Whoever writes one line
// and waits gets its answer.
func (a asker) lines() error {
	in := bufio.NewReaderSize(a.in, maxLine)
	for number := 1; ; number++ {
		line, err := in.ReadSlice('\n')
		last := errors.Is(err, io.EOF)
		if err != nil && !last {
			return fmt.Errorf("input line %d: %w", number, err)
		}
		if text := strings.TrimSpace(string(line)); text != "" {
			if err := a.at(text); err != nil {
				return fmt.Errorf("input line %d: %w", number, err)
			}
		}
		if last {
			return nil
		}
		if ahead, _ := in.Peek(in.Buffered()); !bytes.Contains(ahead, []byte{'\n'}) {
			if err := a.out.Flush(); err != nil {
				return err
			}
		}
	}
}

// flag answers for the time of --at. The answer echoes one with a zone as it was written, and any other with its zone.
func (a asker) flag(text string, w World) error {
	t, err := moment(text, w, a.file.Zone())
	if err != nil {
		return err
	}
	if _, err := instant(text); err != nil {
		text = t.In(a.file.Zone()).Format(time.RFC3339)
	}
	return a.answer(t, text)
}

// at answers for one time of the input, which the answer echoes as it was written.
func (a asker) at(text string) error {
	t, err := instant(text)
	if err != nil {
		return err
	}
	return a.answer(t, text)
}

func (a asker) answer(t time.Time, text string) error {
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
	if a.json {
		return json.NewEncoder(a.out).Encode(answerLine{
			At: at, Schedule: answer.Schedule, People: answer.People, Shadow: answer.Shadow,
			Until: orNull(answer.Until, a.file.Zone()), Reasons: append([]schedule.Reason{}, answer.Reasons...),
			Absences: a.file.Absences(answer.Schedule, answer.At, answer.At.Add(1)),
		})
	}
	_, err := fmt.Fprintln(a.out, answer)
	return err
}

// answerLine is a schedule.Answer with its time as it was written, not as Go would write it.
type answerLine struct {
	At       string            `json:"at"`
	Schedule string            `json:"schedule"`
	People   []string          `json:"people"`
	Shadow   []string          `json:"shadow"`
	Until    *time.Time        `json:"until"` // null: nothing changes within ten years
	Reasons  []schedule.Reason `json:"reasons"`

	Absences []schedule.Absence `json:"absences,omitempty"` // which changes take somebody out of the turns that decide
}
