package incident

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Labels that a matcher finds on every alert besides its own.
const (
	matchRule     = "rule"     // id of the rule; it hides a sender's label of this name
	matchSeverity = "severity" // page, ticket or info, besides what the sender says, such as critical
)

// longestMatcher bounds the text of a matcher, in bytes.
const longestMatcher = 1000

// errMatcher is worded as what was expected.
var errMatcher = errors.New(`a matcher: LABEL=VALUE, LABEL!=VALUE, LABEL=~REGEXP or LABEL!~REGEXP`)

// errMatcherValue is of what can hardly be meant: it would match nothing, and nobody would know.
var errMatcherValue = errors.New(`one matcher in each word, such as host=web1 team=web, or the value in double quotes`)

// severalMatchers finds a second matcher in what should be a value, behind whatever people put between two: a comma, a
// semicolon, an ampersand, a bar or a space. A value that is meant so stands in double quotes.
var severalMatchers = regexp.MustCompile(`[,;&|\s]\s*[A-Za-z_][\w.-]*\s*(=|!=|!~)`)

// Matcher says something about one label of an alert. A label that the alert does not have is empty. Its text is that of
// Alertmanager: host=web1, host!=web1, host=~web.*, host!~"web[12]"; a regular expression is of the whole value.
type Matcher struct {
	label, op, value string
	re               *regexp.Regexp // for =~ and !~
}

// ParseMatcher reads a matcher. The error is worded as what was expected.
func ParseMatcher(text string) (Matcher, error) {
	at := strings.IndexAny(text, "=!")
	if len(text) > longestMatcher {
		return Matcher{}, fmt.Errorf("at most %d bytes", longestMatcher)
	}
	if at < 1 {
		return Matcher{}, errMatcher
	}
	m := Matcher{label: strings.TrimSpace(text[:at])}
	rest := text[at:]
	for _, op := range []string{"=~", "!~", "!=", "="} {
		if strings.HasPrefix(rest, op) {
			m.op, m.value = op, strings.TrimSpace(rest[len(op):])
			break
		}
	}
	if m.op == "" || m.label == "" || strings.ContainsAny(m.label, "\"'{}, ~") {
		return Matcher{}, errMatcher
	}
	if strings.HasPrefix(m.value, `"`) {
		value, err := strconv.Unquote(m.value)
		if err != nil {
			return Matcher{}, errMatcher
		}
		m.value = value
	} else if strings.HasPrefix(m.value, "=") || severalMatchers.MatchString(m.value) {
		return Matcher{}, errMatcherValue
	}
	if m.op == "=~" || m.op == "!~" {
		re, err := regexp.Compile("^(?s:" + m.value + ")$")
		if err != nil {
			return Matcher{}, fmt.Errorf("a regular expression of RE2 behind %s", m.op)
		}
		m.re = re
	}
	return m, nil
}

// Matches says that it holds for the alert. A severity has two names, the sender's and ours: = and =~ hold for either, != and
// !~ for neither, so that severity!=critical and severity!=page both leave alone what is critical.
func (m Matcher) Matches(a Alert) bool {
	value := a.Labels[m.label]
	switch m.label {
	case matchRule:
		value = a.Rule
	case matchSeverity:
		ours := m.holds(string(a.Severity))
		switch {
		case value == "":
			return ours
		case m.op == "!=" || m.op == "!~":
			return ours && m.holds(value)
		}
		return ours || m.holds(value)
	}
	return m.holds(value)
}

func (m Matcher) holds(value string) bool {
	switch m.op {
	case "=":
		return value == m.value
	case "!=":
		return value != m.value
	case "=~":
		return m.re.MatchString(value)
	case "!~":
		return !m.re.MatchString(value)
	}
	return false
}

// String is the matcher as ParseMatcher reads it.
func (m Matcher) String() string { return m.label + m.op + strconv.Quote(m.value) }

// MarshalText writes the matcher so that UnmarshalText reads it.
func (m Matcher) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads a matcher; its error is worded as what was expected.
func (m *Matcher) UnmarshalText(text []byte) error {
	read, err := ParseMatcher(string(text))
	if err == nil {
		*m = read
	}
	return err
}

// Matchers all have to hold.
type Matchers []Matcher

// Match says that all of them hold for the alert.
func (ms Matchers) Match(a Alert) bool {
	return !slices.ContainsFunc(ms, func(m Matcher) bool { return !m.Matches(a) })
}

// ownRules begins the ids of the rules by which the router tells of itself; no rule of a configuration may have such an id.
const ownRules = "nezuban-"

// Hush says that all of them hold for the alert, and that it may be kept from paging. What a person has opened by hand, and
// what tells of a mistake of the router's own, always pages; what else the router tells of itself, such as that it was restored
// or that its disk is full, is hushed only by who names its rule.
func (ms Matchers) Hush(a Alert) bool {
	if a.Rule == RuleManual || a.Rule == RuleStalled || !ms.Match(a) {
		return false
	}
	named := func(m Matcher) bool { return m.label == matchRule && m.op == "=" && m.value == a.Rule }
	return !strings.HasPrefix(a.Rule, ownRules) || slices.ContainsFunc(ms, named)
}

// Cover says whether all alerts that fire in an open incident and in its parts match, or some do. Of what always pages, such as
// what a person has opened by hand, and of what pages nobody anyway, a part of another incident by itself, neither holds.
func (ms Matchers) Cover(inc Incident, parts ...Incident) (all, some bool) {
	if inc.State == Resolved || inc.PartOf != "" {
		return false, false
	}
	all = true
	for _, one := range append([]Incident{inc}, parts...) {
		for _, a := range one.Alerts {
			switch {
			case !a.Firing:
			case ms.Hush(a.Alert):
				some = true
			default:
				all = false
			}
		}
	}
	return all && some, some
}

// Selective says that at least one of them needs a label to be there: without one, they would match nearly everything.
func (ms Matchers) Selective() bool {
	return slices.ContainsFunc(ms, func(m Matcher) bool { return !m.holds("") })
}

// String lists them.
func (ms Matchers) String() string {
	texts := make([]string, len(ms))
	for i, m := range ms {
		texts[i] = m.String()
	}
	return strings.Join(texts, ", ")
}
