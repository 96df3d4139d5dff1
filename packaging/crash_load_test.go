package packaging

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"time"

	"nezuban/packaging/testenv/fakewebhook"
)

// report reports one new problem after another until ctx ends: as a container's death, of which PagerDuty hears, or as an
// alert, of which the webhook hears. PagerDuty's are few: it allows 900 requests a minute.
func (c *crashes) report(ctx context.Context, random *rand.Rand, account bool) {
	pause := slowestReporter
	if account {
		pause *= 10
	}
	for goesOn(ctx, random.IntN(pause)) {
		p := c.newProblem(account)
		if account {
			body := event(p.name, "die", time.Now(), ",exit_code=7i,requested=false")
			c.taken(p, c.anyone(random, http.MethodPost, "/api/v2/write?bucket=nezuban", "", body) == http.StatusNoContent)
			continue
		}
		c.taken(p, c.anyone(random, http.MethodPost, "/api/v2/alerts", "", "["+crashAlert(p.name, time.Time{})+"]") == http.StatusOK)
	}
}

// anyone sends a request to one of the routers.
func (c *crashes) anyone(random *rand.Rand, method, path, token, body string) int {
	status, _ := c.fleet.ask(random.IntN(len(c.fleet.routers)), method, path, token, body)
	return status
}

// goesOn waits some milliseconds, and reports whether ctx goes on.
func goesOn(ctx context.Context, milliseconds int) bool {
	timer := time.NewTimer(time.Duration(milliseconds) * time.Millisecond)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (c *crashes) newProblem(account bool) *problem {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.number++
	c.counted.reports++
	return &problem{name: fmt.Sprintf("p%06d", c.number), account: account}
}

// taken notes a problem whose report was answered with success.
func (c *crashes) taken(p *problem, yes bool) {
	if !yes {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.counted.accepted++
	c.open[p.name] = p
	p.id = c.ids[p.name] // its page may have been faster
}

// act acknowledges some of the problems that the webhook has told of, and resolves others, until ctx ends.
func (c *crashes) act(ctx context.Context, random *rand.Rand) {
	for goesOn(ctx, random.IntN(slowestReporter)) {
		c.listen()
		p := c.choose(random)
		if p == nil {
			continue
		}
		switch random.IntN(5) {
		case 0:
			if c.anyone(random, http.MethodPost, "/api/v1/incidents/"+p.id+"/ack", "act", `{"by":"alice"}`) == http.StatusOK {
				c.acknowledged(p)
			}
		case 1:
			c.resolved(p, c.anyone(random, http.MethodPost, "/api/v1/incidents/"+p.id+"/resolve", "act", `{"by":"alice"}`) == http.StatusOK)
		default:
			c.resolved(p, c.anyone(random, http.MethodPost, "/api/v2/alerts", "", "["+crashAlert(p.name, time.Now())+"]") == http.StatusOK)
		}
	}
}

// silence silences one problem after another before it is reported, until ctx ends.
func (c *crashes) silence(ctx context.Context, random *rand.Rand) {
	for goesOn(ctx, random.IntN(20*slowestReporter)) {
		p := c.newProblem(false)
		silence := fmt.Sprintf(`{"matchers":["problem=%s"],"for":"10h","reason":"crash test","by":"alice"}`, p.name)
		if c.anyone(random, http.MethodPost, "/api/v1/silences", "act", silence) != http.StatusOK {
			continue
		}
		c.mu.Lock()
		c.silent = append(c.silent, p.name)
		c.mu.Unlock()
		for goesOn(ctx, slowestReporter) {
			if c.anyone(random, http.MethodPost, "/api/v2/alerts", "", "["+crashAlert(p.name, time.Time{})+"]") == http.StatusOK {
				c.mu.Lock()
				c.counted.silenced++
				c.mu.Unlock()
				break
			}
		}
	}
}

// choose picks a problem that was told and that nobody has touched.
func (c *crashes) choose(random *rand.Rand) *problem {
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for name, p := range c.open {
		if p.id != "" && !p.touched {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil
	}
	slices.Sort(names)
	p := c.open[names[random.IntN(len(names))]]
	p.touched = true
	return p
}

func (c *crashes) acknowledged(p *problem) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.acked = true
	c.counted.acks++
	c.acked = append(c.acked, p)
}

func (c *crashes) resolved(p *problem, yes bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if yes {
		p.resolved = true
		c.counted.resolves++
	}
}

// said is what a webhook says.
type said struct {
	Type string `json:"type"`
	Data struct {
		Page     string `json:"page"`
		Repeat   bool   `json:"repeat"`
		Incident struct {
			ID     string            `json:"id"`
			Labels map[string]string `json:"labels"`
		} `json:"incident"`
	} `json:"data"`
}

// listen takes note of what has come by webhook since.
func (c *crashes) listen() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range c.hook.Since(c.heard) {
		c.heard++
		c.hear(m)
	}
}

// hear takes note of one message, which no other may contradict. The caller holds mu.
func (c *crashes) hear(m fakewebhook.Message) {
	var s said
	if err := json.Unmarshal(m.Body, &s); err != nil {
		c.t.Errorf("a webhook says %s: %v", m.Body, err)
		return
	}
	name := s.Data.Incident.Labels["problem"]
	of := c.pages
	if s.Type == "page.resolve" {
		of = c.ends
	}
	if other, ok := of[name]; ok {
		c.t.Errorf("%s came twice for %s, as the messages %s and %s, of which neither is known for a repeat", s.Type, name, other, m.ID)
	}
	of[name] = m.ID
	c.ids[name] = s.Data.Incident.ID
	if p := c.open[name]; p != nil {
		p.id = c.ids[name]
	}
}
