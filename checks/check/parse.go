package check

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"nezuban/agent/tomlfile"
)

// file is the check file as it is written. Pointers tell an absent key, which gets a default, from a zero.
type file struct {
	Locations []string `toml:"locations"`
	Checks    []entry  `toml:"check"`
}

type entry struct {
	Name     string             `toml:"name"`
	URL      string             `toml:"url"`
	Method   *string            `toml:"method"`
	Interval *tomlfile.Duration `toml:"interval"`
	Timeout  *tomlfile.Duration `toml:"timeout"`
	Status   []any              `toml:"status"`
	Quorum   *int               `toml:"quorum"`
	Severity *string            `toml:"severity"`
	Labels   map[string]string  `toml:"labels"`
	Runbook  string             `toml:"runbook"`
}

// Parse reads a check file; name is the file's name in messages. The checks come in the order of the file, complete
// and valid. An error is [tomlfile.Problems] with every mistake of the file, and then there are no checks: a file is
// taken whole or not at all. A file without checks is a valid one.
//
//	locations = ["tokyo", "frankfurt", "oregon"]   # all that run checks; optional, but see Check.Locations
//
//	[[check]]
//	name = "shop"
//	url = "https://shop.example/health"
//	method = "GET"             # or HEAD
//	interval = "30s"           # at least 1s
//	timeout = "10s"            # at most the interval
//	status = ["2xx", 404]      # what counts as up; a redirect is not followed, so 301 here means 301
//	quorum = 2                 # locations that must agree on down; the majority when not given
//	severity = "page"          # or ticket, info
//	labels = { team = "web" }
//	runbook = "https://wiki.example/shop"
func Parse(name string, data []byte) ([]Check, error) {
	var written file
	f, err := tomlfile.Decode(name, data, &written)
	p := parser{file: f, refused: map[string]bool{}}
	if err != nil && !errors.As(err, &p.problems) {
		return nil, fmt.Errorf("parse %s: %w", name, err)
	}
	for _, problem := range p.problems {
		p.refused[problem.Key] = true
	}
	checks := p.checks(written)
	if err := p.problems.Err(); err != nil {
		return nil, err
	}
	return checks, nil
}

// parser turns what is written into checks and collects mistakes of meaning.
type parser struct {
	file     *tomlfile.File
	problems tomlfile.Problems
	refused  map[string]bool // keys that have their problem already; one each is enough
}

func (p *parser) refuse(found any, expected string, path ...any) {
	problem := p.file.Problem(found, expected, path...)
	if p.refused[problem.Key] {
		return
	}
	p.refused[problem.Key] = true
	p.problems = append(p.problems, problem)
}

func (p *parser) checks(written file) []Check {
	p.locations(written.Locations)
	checks := make([]Check, 0, len(written.Checks))
	seen := map[string]int{}
	for i, e := range written.Checks {
		c := p.check(e, "check", i)
		c.Locations = written.Locations
		if first, taken := seen[c.Name]; taken && c.Name != "" {
			p.refuse(c.Name, fmt.Sprintf("a name that no other check has (check[%d] has it)", first), "check", i, "name")
		} else {
			seen[c.Name] = i
		}
		if n := len(c.Locations); n > 0 && c.Quorum > n {
			p.refuse(c.Quorum, fmt.Sprintf("at most the number of locations, %d", n), "check", i, "quorum")
		}
		checks = append(checks, c)
	}
	return checks
}

func (p *parser) locations(names []string) {
	seen := map[string]bool{}
	for i, name := range names {
		switch {
		case !ValidName(name):
			p.refuse(name, ExpectedName, "locations", i)
		case seen[name]:
			p.refuse(name, "each location once", "locations", i)
		}
		seen[name] = true
	}
}

// check reads one entry that stands at path.
func (p *parser) check(e entry, path ...any) Check {
	at := func(key string) []any { return append(slices.Clip(path), key) }
	c := Check{
		Name:     e.Name,
		URL:      e.URL,
		Method:   or(e.Method, "GET"),
		Interval: time.Duration(or(e.Interval, tomlfile.Duration(DefaultInterval))),
		Quorum:   or(e.Quorum, 0),
		Severity: or(e.Severity, "page"),
		Labels:   e.Labels,
		Runbook:  e.Runbook,
	}
	c.Timeout = time.Duration(or(e.Timeout, tomlfile.Duration(min(DefaultTimeout, c.Interval))))
	if !ValidName(c.Name) {
		p.refuse(orNothing(c.Name), ExpectedName, at("name")...)
	}
	if expected := urlProblem(c.URL); expected != "" {
		p.refuse(orNothing(withoutPassword(c.URL)), expected, at("url")...)
	}
	if c.Method != "GET" && c.Method != "HEAD" {
		p.refuse(c.Method, "GET or HEAD", at("method")...)
	}
	if c.Interval < MinInterval {
		p.refuse(c.Interval.String(), "an interval of at least "+MinInterval.String(), at("interval")...)
	} else if c.Timeout <= 0 || c.Timeout > c.Interval {
		p.refuse(c.Timeout.String(), fmt.Sprintf("a timeout above zero and at most the interval, %s", c.Interval), at("timeout")...)
	}
	if e.Quorum != nil && c.Quorum < 1 {
		p.refuse(c.Quorum, "a number of locations from 1", at("quorum")...)
	}
	if c.Severity != "page" && c.Severity != "ticket" && c.Severity != "info" {
		p.refuse(c.Severity, "page, ticket or info", at("severity")...)
	}
	if c.Runbook != "" && !ValidRunbook(c.Runbook) {
		p.refuse(withoutPassword(c.Runbook), ExpectedRunbook, at("runbook")...)
	}
	c.Status = p.status(e.Status, at("status")...)
	p.labels(c.Labels, at("labels")...)
	return c
}

func (p *parser) status(written []any, path ...any) Statuses {
	if written == nil {
		return Statuses{{Low: 200, High: 299}}
	}
	if len(written) == 0 {
		p.refuse([]string{}, expectedStatus, path...)
	}
	var s Statuses
	for i, item := range written {
		r, ok := parseStatus(item)
		if !ok {
			p.refuse(item, expectedStatus, append(slices.Clip(path), i)...)
			continue
		}
		s = append(s, r)
	}
	return s
}

func (p *parser) labels(labels map[string]string, path ...any) {
	for key := range labels {
		at := append(slices.Clip(path), key)
		switch {
		case !labelKey(key):
			p.refuse(key, "a label name of a-z, 0-9 and _, beginning with a letter", at...)
		case key == "check" || key == "location" || key == "target":
			p.refuse(key, "a label that the router does not set itself", at...)
		}
	}
}

// or is the value that the file gives, or else the default.
func or[T any](given *T, standard T) T {
	if given == nil {
		return standard
	}
	return *given
}

// orNothing makes an absent or empty text read as "found nothing".
func orNothing(text string) any {
	if text == "" {
		return nil
	}
	return text
}
