package command

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"nezuban/oncall/internal/replay"
	"nezuban/oncall/schedule"
)

// simulation is a history of incidents under one version of a file, or under two.
type simulation struct {
	log      string
	versions []version
	zone     *time.Location // of the newest version
}

// version is one of them.
type version struct {
	name     string // as it was given
	file     *schedule.File
	outcomes []replay.Outcome // in the order of the history, which all versions share
	replay.Summary
}

// simulate lets a history of incidents happen under a file, or under two.
func simulate(args []string, w World) int {
	flags := flag.NewFlagSet("simulate", flag.ContinueOnError)
	log := flags.String("incidents", "", "")
	answers := flags.Duration("answers-after", 0, "")
	format := flags.String("format", "text", "")
	asJSON := flags.Bool("json", false, "")
	given, err := someWords(flags, args, w, 1, "rotation file", "new rotation file")
	if err != nil {
		return exitRefused
	}
	if *asJSON {
		*format = "json"
	}
	write, ok := simulateFormats()[*format]
	switch {
	case !ok:
		return refuse(w, "simulate", fmt.Errorf("--format: found %q, expected one of csv, json, markdown, text", *format))
	case *log == "":
		return refuse(w, "simulate", errors.New("--incidents: found nothing, expected a history of incidents, or - for the input"))
	case *answers < 0:
		return refuse(w, "simulate", fmt.Errorf("--answers-after: found %s, expected a duration like 5m", *answers))
	}
	s := simulation{log: *log}
	for _, name := range given {
		file, err := loadRevision(name)
		if err != nil {
			fmt.Fprintln(w.Err, err)
			return exitRefused
		}
		s.versions = append(s.versions, version{name: name, file: file})
		s.zone = file.Zone()
	}
	incidents, err := history(*log, w)
	if err != nil {
		fmt.Fprintln(w.Err, err)
		return exitRefused
	}
	for i, v := range s.versions {
		outcomes := replay.Model{AnswersAfter: *answers}.Run(v.file, incidents)
		s.versions[i].outcomes, s.versions[i].Summary = outcomes, replay.Summarise(v.file, outcomes)
	}
	if err := write(w.Out, s); err != nil {
		return refuse(w, "simulate", err)
	}
	return exitOK
}

func simulateFormats() map[string]func(io.Writer, simulation) error {
	return map[string]func(io.Writer, simulation) error{
		"text": writeSimulation, "json": writeSimulationJSON, "csv": writeSimulationCSV, "markdown": writeSimulationMarkdown,
	}
}

// history reads the incidents from a file, or from the input.
func history(path string, w World) ([]replay.Incident, error) {
	if path == "-" {
		return replay.Read("input", w.In)
	}
	in, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read incidents: %w", err)
	}
	defer in.Close()
	return replay.Read(path, in)
}
