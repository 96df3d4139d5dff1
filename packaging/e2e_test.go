// Package packaging holds what ships Nezuban, and the tests that run all of it: these build the programs and walk a
// sample's path, from a real container to the page.
package packaging

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"nezuban/packaging/testenv"
)

func TestAKilledContainerPagesWhoIsOnCallAndAStartResolvesIt(t *testing.T) {
	testenv.Docker(t)
	name := containerName(t, "killed")
	s := newStack(t, oncallText, "")
	s.startAgent("web1", "")
	who := s.command("nezuban-oncall", "who", s.path("oncall.toml"))
	if !strings.Contains(strings.Join(s.router.output(), "\n"), who) {
		t.Errorf("the router greets with %q, nezuban-oncall who says %q", s.router.output(), who)
	}
	person := strings.Fields(strings.TrimPrefix(who, "on call: "))[0]

	run(t, name, nil, "sleep")
	killed := time.Now()
	docker(t, "kill", name)
	line := s.router.await(t, 20*time.Second, 0, "^PAGE "+person+" TRIGGERED container-died host=web1 container="+name)
	if took := running(t, killed, time.Now()); took > 2*time.Second {
		t.Errorf("the page came %s after the kill, want at most 2 s", took)
	}
	if !strings.Contains(line, "137") || !strings.Contains(line, "on call for primary") {
		t.Errorf("the page says neither how nor why: %s", line)
	}
	docker(t, "start", name)
	s.router.await(t, 5*time.Second, 0, "^PAGE "+person+" RESOLVED container-died host=web1 container="+name)
}

func TestWhatMendsItselfOrWasMeantPagesNobody(t *testing.T) {
	testenv.Docker(t)
	s := newStack(t, oncallText, "")
	s.startAgent("web1", "")
	stopped, deaf := containerName(t, "stopped"), containerName(t, "deaf")
	removed, recreated := containerName(t, "removed"), containerName(t, "recreated")
	always, crashed := containerName(t, "always"), containerName(t, "rm")

	run(t, stopped, nil, "sleep")
	docker(t, "stop", stopped)
	run(t, deaf, nil, "deaf")
	docker(t, "stop", "-t", "1", deaf) // killed in the end: exit 137
	run(t, removed, nil, "sleep")
	docker(t, "rm", "-f", removed)
	run(t, recreated, nil, "sleep")
	docker(t, "rm", "-f", recreated)
	run(t, recreated, nil, "sleep")
	// One death only: it exits by itself after some seconds, and its second life is ended by a stop before it can again.
	run(t, always, []string{"--restart", "always"}, "exit", "7", "after", "7s")
	eventually(t, 30*time.Second, always+" was restarted", func() bool {
		return docker(t, "inspect", "-f", "{{.RestartCount}} {{.State.Restarting}}", always) == "1 false"
	})
	docker(t, "stop", always)
	run(t, crashed, []string{"--rm"}, "exit", "9")

	s.router.await(t, 10*time.Second, 0, "^PAGE alice TRIGGERED container-died host=web1 container="+crashed)
	// Twelve seconds after the restart nothing can be pending any more: rules wait ten at most.
	quiet := time.Now().Add(12 * time.Second)
	for _, name := range []string{stopped, deaf, removed, recreated, always} {
		for time.Now().Before(quiet) && len(s.router.matching(name)) == 0 {
			time.Sleep(100 * time.Millisecond)
		}
		if found := s.router.matching(name); len(found) != 0 {
			t.Errorf("%s woke somebody: %q", name, found)
		}
	}
}

func TestAContainerThatDiesWhileTheAgentIsAwayPagesWhenItIsBack(t *testing.T) {
	testenv.Docker(t)
	name := containerName(t, "away")
	s := newStack(t, oncallText, "")
	agent := s.startAgent("web1", "")
	run(t, name, nil, "sleep")
	eventually(t, 10*time.Second, "the agent follows Docker", func() bool { return strings.Contains(agent.logged(), "following docker") })
	eventually(t, 10*time.Second, "the agent has told of the start", func() bool { return s.metric("nezuban_ingest_points_total") > 0 })
	agent.stop(t)
	docker(t, "kill", name)
	s.startAgent("web1", "")
	s.router.await(t, 15*time.Second, 0, "^PAGE alice TRIGGERED container-died host=web1 container="+name)
}

func TestDeathsOnOneHostAreOnePageThatGrows(t *testing.T) {
	s := newStack(t, oncallText, "")
	s.post(event("shop", "die", time.Now(), ",exit_code=7i,requested=false"))
	s.router.await(t, 5*time.Second, 0, "^PAGE alice TRIGGERED container-died host=web1 container=shop")
	s.post(event("db", "die", time.Now(), ",exit_code=7i,requested=false"))
	s.router.await(t, 20*time.Second, 0, "^PAGE alice UPDATED container-died host=web1 container=shop.*and 1 more")
	s.post(event("db", "start", time.Now(), ""))
	s.post(event("shop", "start", time.Now(), ""))
	s.router.await(t, 5*time.Second, 0, "^PAGE alice RESOLVED container-died host=web1 container=shop")
	s.post(event("db", "die", time.Now(), ",exit_code=7i,requested=false"))
	eventually(t, 5*time.Second, "the same incident pages again", func() bool {
		return len(s.router.matching("^PAGE alice TRIGGERED container-died host=web1 container=db")) == 1
	})
}

func TestASilenceSurvivesAKillAndWhatStillHoldsPagesAtItsEnd(t *testing.T) {
	s := newStack(t, oncallText, "")
	config := "-config=" + s.path("router.toml")
	added := s.command("nezuban-router", "silence", "add", "-by", "alice", "-reason", "kernel update", "-for", "1h", config, "host=web1", "container_name=~shop|db")
	s.router.kill()
	s.startRouter()
	s.post(event("shop", "die", time.Now(), ",exit_code=7i,requested=false"))
	s.post(event("api", "die", time.Now(), ",exit_code=7i,requested=false"))
	s.router.await(t, 5*time.Second, 0, "^PAGE alice TRIGGERED container-died host=web1 container=api")
	listed := s.command("nezuban-router", "incidents", config)
	id := regexp.MustCompile(`(\S+) +triggered, suppressed .*shop`).FindStringSubmatch(listed)
	if id == nil || len(s.router.matching("container=shop")) > 0 {
		t.Fatalf("incidents prints\n%s", listed)
	}
	if story := s.command("nezuban-router", "show", config, id[1]); !strings.Contains(story, "nobody is paged: silence") || !strings.Contains(story, "kernel update") {
		t.Errorf("show prints\n%s", story)
	}
	if list := s.command("nezuban-router", "silence", "list", config); !strings.Contains(list, `in force`) || !strings.Contains(list, `container_name=~"shop|db"`) {
		t.Errorf("silence list prints\n%s", list)
	}
	s.command("nezuban-router", "silence", "end", "-by", "bob", config, strings.TrimSuffix(strings.Fields(added)[0], ":"))
	s.router.await(t, 5*time.Second, 0, "^PAGE alice TRIGGERED container-died host=web1 container=shop")
}

// event is one container_event as an agent writes it.
func event(container, action string, at time.Time, fields string) string {
	return fmt.Sprintf("container_event,host=web1,container_name=%s,action=%s container_id=\"c1\",restart_policy=\"no\",auto_remove=false%s %d\n",
		container, action, fields, at.UnixNano())
}

func TestABadLineInABatchIsNamedAndTheGoodOnesCount(t *testing.T) {
	s := newStack(t, oncallText, "")
	good := event("shop", "die", time.Now(), ",exit_code=7i,requested=false")
	status, body := s.post("this is no line protocol\n" + good)
	if status != 400 || !strings.Contains(body, "partial write") || !strings.Contains(body, "this is no") {
		t.Errorf("found %d %s", status, body)
	}
	s.router.await(t, 5*time.Second, 0, "^PAGE alice TRIGGERED container-died host=web1 container=shop")
}

func TestABrokenRotationFileLeavesTheLastGoodOneInForceAndIsTold(t *testing.T) {
	s := newStack(t, oncallText, apart)
	s.write("oncall.toml", oncallText+"\n[policy.standard]\n", 0o644)
	line := s.router.await(t, 10*time.Second, 0, "^PAGE alice TRIGGERED nezuban-rotation-refused")
	if !strings.Contains(line, "oncall.toml") {
		t.Errorf("the message does not name the file: %s", line)
	}
	s.post(event("shop", "die", time.Now(), ",exit_code=7i,requested=false"))
	s.router.await(t, 5*time.Second, 0, "^PAGE alice TRIGGERED container-died")
	s.router.kill()
	s.startRouter() // on the file that is still broken
	eventually(t, 5*time.Second, "the log says that the broken file is refused", func() bool {
		return strings.Contains(s.router.logged(), "rotation file refused; the last good one stays in force")
	})
	s.post(event("other", "die", time.Now(), ",exit_code=7i,requested=false"))
	s.router.await(t, 10*time.Second, 0, "^PAGE alice TRIGGERED container-died host=web1 container=other")
	s.write("oncall.toml", oncallText, 0o644)
	s.router.await(t, 10*time.Second, 0, "^PAGE alice RESOLVED nezuban-rotation-refused")
}

func TestIncidentsAreListedAcknowledgedAndResolvedFromTheCommandLine(t *testing.T) {
	s := newStack(t, oncallText, "")
	s.post(event("shop", "die", time.Now(), ",exit_code=7i,requested=false"))
	s.router.await(t, 5*time.Second, 0, "^PAGE alice TRIGGERED")
	config := "-config=" + s.path("router.toml")
	listed := s.command("nezuban-router", "incidents", config)
	if !strings.Contains(listed, "triggered") || !strings.Contains(listed, "shop") {
		t.Errorf("incidents prints\n%s", listed)
	}
	id := strings.Fields(strings.Split(listed, "\n")[1])[0]
	s.command("nezuban-router", "ack", id, "-by", "alice", config)
	if listed = s.command("nezuban-router", "incidents", config); !strings.Contains(listed, "acknowledged") {
		t.Errorf("after the acknowledgement incidents prints\n%s", listed)
	}
	s.command("nezuban-router", "resolve", id, "-by", "alice", config)
	eventually(t, 10*time.Second, "the incident is closed", func() bool {
		return strings.Contains(s.command("nezuban-router", "incidents", config), "no incidents")
	})
	if listed = s.command("nezuban-router", "incidents", "-all", config); !strings.Contains(listed, id) {
		t.Errorf("with -all incidents prints\n%s", listed)
	}
}

func TestAnIncidentIsOpenedSnoozedAndHandedOnFromTheCommandLine(t *testing.T) {
	s := newStack(t, oncallText, "")
	config := "-config=" + s.path("router.toml")
	page := []string{"page", "-by", "alice", "-label", "team=web", "-key", "k1", config, "the shop is slow"}
	id := strings.TrimSpace(s.command("nezuban-router", page...))
	s.router.await(t, 5*time.Second, 0, "^PAGE alice TRIGGERED manual.*the shop is slow")
	if again := strings.Fields(s.command("nezuban-router", page...)); !slices.Contains(again, id) || !slices.Contains(again, "second") {
		t.Errorf("the same key opened %q beside %s", again, id)
	}
	s.command("nezuban-router", "note", "-by", "alice", config, id, "asked the provider")
	s.command("nezuban-router", "snooze", "-by", "alice", "-for", "2s", config, id)
	s.router.kill() // what was said survives
	s.startRouter()
	s.router.await(t, 10*time.Second, 0, "^PAGE alice TRIGGERED manual.*the shop is slow")
	s.command("nezuban-router", "reassign", "-by", "alice", "-to", "bob", config, id)
	s.router.await(t, 5*time.Second, 0, "^PAGE bob TRIGGERED manual.*alice has given it to you")
	s.command("nezuban-router", "ack", "-by", "bob", config, id)
	s.command("nezuban-router", "resolve", "-by", "bob", config, id)
	s.router.await(t, 5*time.Second, 0, "^PAGE bob RESOLVED manual")

	// What happens under a silence wakes nobody, in a simulation of the history neither.
	s.command("nezuban-router", "silence", "add", "-by", "alice", "-reason", "update", "-for", "1h", config, "host=web1")
	s.post(event("quiet", "die", time.Now(), ",exit_code=7i,requested=false"))

	// What the router knows of it is what simulate reads.
	s.write("history.jsonl", s.command("nezuban-router", "incidents", "-all", "-json", config), 0o600)
	again := strings.Split(s.command("nezuban-oncall", "simulate", s.path("oncall.toml"), "--incidents", s.path("history.jsonl"), "--json"), "\n")
	if len(again) != 2 || !strings.Contains(again[0], `"id":"`+id+`"`) || !strings.Contains(again[0], `"person":"alice"`) || strings.Contains(again[1], `"person"`) {
		t.Errorf("simulate makes of the history\n%s", strings.Join(again, "\n"))
	}
}

func TestADeadMansSwitchHearsFromTheRouter(t *testing.T) {
	heard := make(chan string, 10)
	outside := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { heard <- r.Method + " " + r.URL.Path }))
	t.Cleanup(outside.Close)
	url := filepath.Join(t.TempDir(), "dead-man.url")
	if err := os.WriteFile(url, []byte(outside.URL+"/ping/1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	newStack(t, oncallText, fmt.Sprintf("[dead_man]\nurl_file = %q\nevery = \"5s\"\n", url))
	for range 2 {
		select {
		case got := <-heard:
			if got != "POST /ping/1" {
				t.Errorf("heard %s", got)
			}
		case <-time.After(20 * time.Second):
			t.Fatal("heard nothing")
		}
	}
}
