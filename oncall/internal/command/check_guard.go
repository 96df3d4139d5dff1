package command

import (
	"flag"
	"strings"
	"time"

	"nezuban/oncall/internal/guard"
	"nezuban/oncall/internal/lint"
	"nezuban/oncall/schedule"
)

// guardFlags are --against and --approved of check: what a change must leave alone, or may touch with consent.
type guardFlags struct {
	against  string
	approved approvals
}

// findings are what the guards have against the newer version; none without --against.
func (g *guardFlags) findings(newer *schedule.File, now time.Time) ([]lint.Finding, error) {
	if g.against == "" {
		return nil, nil
	}
	older, err := loadRevision(g.against)
	if err != nil {
		return nil, err
	}
	return append(guard.Past(older, newer, now), guard.Late(older, newer, now, g.approved)...), nil
}

func (g *guardFlags) define(flags *flag.FlagSet) {
	flags.StringVar(&g.against, "against", "", "")
	flags.Var(&g.approved, "approved", "")
}

// approvals are names between commas; the flag may come several times.
type approvals []string

func (a *approvals) String() string { return strings.Join(*a, ",") }

// Set adds names. One that the file does not have approves nothing.
func (a *approvals) Set(text string) error {
	*a = append(*a, text) // a name may have a comma in it
	for name := range strings.SplitSeq(text, ",") {
		if name = strings.TrimSpace(name); name != "" {
			*a = append(*a, name)
		}
	}
	return nil
}
