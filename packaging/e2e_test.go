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
	s := newStack(t, oncallText, apart) // others use this Docker too, and their containers die
	s.startAgent("web1", "")
	who := s.command("nezuban-oncall", "who", s.path("oncall.toml"))
	if !strings.Contains(strings.Join(s.router.output(), "\n"), who) {
		t.Errorf("the router greets with %q, nezuban-oncall who says %q", s.router.output(), who)
	}
	person := strings.Fields(strings.TrimPrefix(who, "on call: "))[0]

	run(t, name, nil, "sleep")
	docker(t, "kill", name)
	line := s.router.await(t, 20*time.Second, 0, "^PAGE "+person+" TRIGGERED container-died host=web1 container="+name)
	paged := time.Now()
	// By the engine's book: the command that kills has to start first, and to end.
	died, err := time.Parse(time.RFC3339Nano, docker(t, "inspect", "-f", "{{.State.FinishedAt}}", name))
	if err != nil {
		t.Fatal(err)
	}
	if took := running(t, died, paged); took > 2*time.Second {
		t.Errorf("the page came %s after the death, want at most 2 s", took)
	}
	if !strings.Contains(line, "137") || !strings.Contains(line, "on call for primary") {
		t.Errorf("the page says neither how nor why: %s", line)
	}
	docker(t, "start", name)
	s.router.await(t, 5*time.Second, 0, "^PAGE "+person+" RESOLVED container-died host=web1 container="+name)
}

// meant ends a container on request, and gives its name. The engine says why only after the death, for which the agent waits a second: of
// an engine that stands still between the two nobody can tell in time, and another container is ended.
func meant(t *testing.T, part string, end func(name string)) string {
	t.Helper()
	program := testenv.Command(t, "docker", "docker.io")
	for range 10 {
		name := containerName(t, part)
		told := start(t, program, "events", "--since", time.Now().UTC().Format(time.RFC3339Nano), "--filter", "container="+name, "--format", "{{.Action}} {{.TimeNano}}")
		end(name)
		told.await(t, 10*time.Second, 0, "^(stop|destroy) ")
		took := explained(told.output())
		told.stop(t)
		if took <= time.Second {
			return name
		}
		t.Logf("the engine said only %s after the death of %s that it was meant", took, name)
	}
	t.Fatalf("the engine never says in time why a container of %s has died", part)
	return ""
}

// explained is how long after a container's last death the engine has told that somebody stopped or removed it.
func explained(events []string) time.Duration {
	var died, why int64
	for _, event := range events {
		var action string
		var at int64
		_, _ = fmt.Sscan(event, &action, &at) // else it is an action of more words, which says neither
		switch action {
		case "die":
			died = at
		case "stop", "destroy":
			why = at
		}
	}
	return time.Duration(why - died)
}

func TestWhatMendsItselfOrWasMeantPagesNobody(t *testing.T) {
	testenv.Docker(t)
	s := newStack(t, oncallText, apart)
	s.startAgent("web1", "")
	stopped := meant(t, "stopped", func(name string) {
		run(t, name, nil, "sleep")
		docker(t, "stop", name)
	})
	deaf := meant(t, "deaf", func(name string) {
		run(t, name, nil, "deaf")
		docker(t, "stop", "-t", "1", name) // killed in the end: exit 137
	})
	remove := func(name string) {
		run(t, name, nil, "sleep")
		docker(t, "rm", "-f", name)
	}
	removed, recreated := meant(t, "removed", remove), meant(t, "recreated", remove)
	run(t, recreated, nil, "sleep")
	// One death only: it exits by itself after some seconds, and its second life is ended by a stop before it can again.
	always := meant(t, "always", func(name string) {
		run(t, name, []string{"--restart", "always"}, "exit", "7", "after", "7s")
		eventually(t, 30*time.Second, name+" was restarted", func() bool {
			return docker(t, "inspect", "-f", "{{.RestartCount}} {{.State.Restarting}}", name) == "1 false"
		})
		docker(t, "stop", name)
	})
	crashed := containerName(t, "rm")
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
	s := newStack(t, oncallText, apart) // others use this Docker too, and their containers die
	agent := s.startAgent("web1", "")
	run(t, name, nil, "sleep")
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
	s.sent(1) // else the start would send it again, which is not the end of the snooze
	s.command("nezuban-router", "snooze", "-by", "alice", "-for", "2s", config, id)
	before := s.router
	before.kill() // what was said survives
	s.startRouter()
	if len(before.matching("^PAGE alice TRIGGERED manual.*the shop is slow")) == 1 { // else the machine stood still, and it was over before the kill
		s.router.await(t, 10*time.Second, 0, "^PAGE alice TRIGGERED manual.*the shop is slow")
	}
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
