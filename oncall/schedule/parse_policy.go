package schedule

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"nezuban/agent/tomlfile"
)

const (
	maxRepeat = 100
	minWait   = time.Second
	maxWait   = 7 * 24 * time.Hour
)

func (p *parser) policies(raw map[string]rawPolicy) {
	for _, name := range inFileOrder(p, raw, "policy") {
		r := raw[name]
		at := func(key string) []any { return []any{"policy", name, key} }
		p.checkName(name, "a policy", "policy", name)
		if r.Repeat < 0 || r.Repeat > maxRepeat {
			p.refuse(r.Repeat, fmt.Sprintf("a whole number of further passes from 0 to %d", maxRepeat), at("repeat")...)
		}
		if !p.isPerson(r.Fallback) {
			p.refuse(text(r.Fallback), "a person of [people]: who is told when no step has helped"+p.suggestPerson(r.Fallback), at("fallback")...)
		}
		ackTimeout := DefaultAckTimeout
		if r.AckTimeout != nil {
			ackTimeout = p.wait(*r.AckTimeout, at("ack_timeout"))
		}
		p.out.policies = append(p.out.policies, Policy{
			Name: name, Steps: p.steps(r.Steps, at("steps")), Repeat: r.Repeat, Fallback: r.Fallback,
			AckTimeout: ackTimeout, Hold: p.ticketHours(r.Hold, p.out.zone, at("hold")), Line: p.source.Line("policy", name),
		})
	}
}

func (p *parser) steps(raw []rawStep, path []any) []Step {
	if len(raw) == 0 {
		p.refuse(nil, `at least one step, such as { page = "api", wait = "5m" }`, path...)
	}
	steps := make([]Step, 0, len(raw))
	for i, r := range raw {
		at := func(key string) []any { return append(slices.Clip(path), i, key) }
		if r.Pick != "" && r.Pick != "rotate" {
			p.refuse(r.Pick, `"rotate", or nothing: then the step tells all that it names`, at("pick")...)
		}
		step := Step{Page: p.page(r.Page, at("page")), Rotate: r.Pick == "rotate"}
		if r.Wait == nil {
			p.refuse(nil, `a duration like "5m": how long until the next step`, at("wait")...)
		} else {
			step.Wait = p.wait(*r.Wait, at("wait"))
		}
		steps = append(steps, step)
	}
	return steps
}

// wait checks the bounds of a duration after which people are paged again.
func (p *parser) wait(d tomlfile.Duration, path []any) time.Duration {
	wait := time.Duration(d)
	if wait < minWait || wait > maxWait {
		p.refuse(d.String(), `a duration from "1s" to "168h"`, path...)
	}
	return wait
}

// page reads whom a step pages: a person, a schedule, or a list of either.
func (p *parser) page(raw any, path []any) []string {
	names, at := several(raw, path)
	if len(names) == 0 {
		p.refuse(raw, "a person, a schedule, or a list of either", path...)
	}
	page := make([]string, 0, len(names))
	for i, n := range names {
		name, isText := n.(string)
		if !isText || (!p.isPerson(name) && !p.out.HasSchedule(name)) {
			p.refuse(n, "a person, a schedule, or a list of either"+p.suggestTarget(name), at(i)...)
			continue
		}
		page = append(page, name)
	}
	return page
}

func (p *parser) routes(raw []rawRoute) {
	names := make([]string, 0, len(p.out.policies))
	for _, policy := range p.out.policies {
		names = append(names, policy.Name)
	}
	for i, r := range raw {
		if !slices.Contains(names, r.Policy) {
			p.refuse(text(r.Policy), "the name of one of the policies ("+strings.Join(names, ", ")+")"+p.suggest(r.Policy, names), "route", i, "policy")
		}
		p.out.routes = append(p.out.routes, Route{Match: r.Match, Policy: r.Policy, Line: p.source.Line("route", i)})
	}
}
