package packaging

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// settle lets everything come to rest, checks what was answered with success, and forgets what is done with.
func (c *crashes) settle() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	if err := c.hook.Await(ctx, func() bool { c.listen(); return len(c.missing(false)) == 0 }); err != nil {
		c.t.Errorf("lost: %v by webhook", c.missing(false))
	}
	if err := c.account.Await(ctx, func() bool { return len(c.missing(true)) == 0 }); err != nil {
		c.t.Errorf("lost: %v at PagerDuty", c.missing(true))
	}
	if took := running(c.t, c.fleet.lastStart(), time.Now()); took > restartToPage {
		c.t.Errorf("what was accepted before the last kill was out %s after the last start, want at most %s", took, restartToPage)
	} else {
		c.counted.slowest = max(c.counted.slowest, took)
	}
	c.checkRepeats()
	c.checkAccount()
	for _, s := range c.fleet.routers {
		s.awaitReady("http://" + s.addr + "/readyz")
	}
	c.checkAcknowledged()
	c.checkSilences()
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, p := range c.open {
		if !p.acked {
			delete(c.open, name)
		}
	}
}

// missing lists the problems of which somebody should have heard, or heard that they are over, and did not.
func (c *crashes) missing(account bool) []string {
	told := map[string]bool{}
	if account {
		for _, inc := range c.account.Incidents() {
			told[strings.Fields(inc.Title)[1]] = true // "container p000007 died …"
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var missing []string
	for name, p := range c.open {
		if p.account != account {
			continue
		}
		switch {
		case account && !told[name], !account && c.pages[name] == "":
			missing = append(missing, name)
		case p.resolved && c.ends[name] == "":
			missing = append(missing, "the end of "+name)
		}
	}
	return missing
}

// checkRepeats demands of every delivery of an id that came before that it says so.
func (c *crashes) checkRepeats() {
	seen := map[string]bool{}
	for _, r := range c.hook.Requests() {
		id := r.Header.Get("Webhook-Id")
		var s said
		if err := json.Unmarshal(r.Body, &s); err != nil {
			c.t.Errorf("a webhook says %s: %v", r.Body, err)
		}
		if seen[id] && !s.Data.Repeat {
			c.t.Errorf("message %s came again and does not say that it may be a repeat: %s", id, r.Body)
		}
		seen[id] = true
	}
}

// checkAccount demands one incident at PagerDuty for each problem.
func (c *crashes) checkAccount() {
	count := map[string]int{}
	for _, inc := range c.account.Incidents() {
		name := strings.Fields(inc.Title)[1]
		if count[name]++; count[name] == 2 {
			c.t.Errorf("%s has two incidents at PagerDuty", name)
		}
	}
}

// checkAcknowledged demands that every acknowledgement that was answered with success still stands.
func (c *crashes) checkAcknowledged() {
	for _, p := range c.acked {
		var shown struct {
			Incident struct {
				State string `json:"state"`
				By    string `json:"acknowledged_by"`
			} `json:"incident"`
		}
		status, body := c.fleet.ask(0, http.MethodGet, "/api/v1/incidents/"+p.id, "read", "")
		if err := json.Unmarshal([]byte(body), &shown); status != http.StatusOK || err != nil {
			c.t.Errorf("show %s: %d, %v", p.name, status, err)
		}
		if found := fmt.Sprint(shown.Incident.State, " by ", shown.Incident.By); found != "acknowledged by alice" {
			c.t.Errorf("%s was acknowledged, and is %s", p.name, found)
		}
	}
}

// checkSilences demands that every silence that was answered with success is still there, and kept its problem from paging.
func (c *crashes) checkSilences() {
	status, body := c.fleet.ask(0, http.MethodGet, "/api/v1/silences", "read", "")
	if status != http.StatusOK {
		c.t.Errorf("list silences: %d %s", status, body)
	}
	for _, name := range c.silent {
		if !strings.Contains(body, name) {
			c.t.Errorf("the silence for %s is gone", name)
		}
		if page := c.pages[name]; page != "" {
			c.t.Errorf("%s was silenced, and paged by %s", name, page)
		}
	}
}
