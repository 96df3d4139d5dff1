package event

import (
	"testing"
	"time"

	"nezuban/agent/internal/docker"
)

func TestWhatADieTells(t *testing.T) {
	start := time.Date(2026, 11, 22, 2, 0, 0, 0, time.UTC)
	for _, tt := range []struct {
		name      string
		exit      int
		requested bool
		told      bool // Docker said that it was for want of memory
		kills     uint64
		started   time.Time
		oom       bool
		signal    int           // 0: none
		lifetime  time.Duration // negative: not known
	}{
		{"by itself", 3, false, false, 0, start, false, 0, time.Minute},
		{"well", 0, false, false, 0, start, false, 0, time.Minute},
		{"killed", 137, false, false, 0, start, false, 9, time.Minute},
		{"for want of memory, as Docker says", 137, false, true, 0, start, true, 9, time.Minute},
		{"for want of memory, as the kernel says", 137, false, false, 1, start, true, 9, time.Minute},
		{"a child was killed, and it gave up", 1, false, false, 1, start, false, 0, time.Minute},
		{"a child was killed once, and somebody stopped it", 137, true, false, 1, start, false, 9, time.Minute},
		{"by TERM", 143, true, false, 0, start, false, 15, time.Minute},
		{"the largest signal", 192, false, false, 0, start, false, 64, time.Minute},
		{"no signal", 193, false, false, 0, start, false, 0, time.Minute},
		{"not executable", 128, false, false, 0, start, false, 0, time.Minute},
		{"its start is not known", 1, false, false, 0, time.Time{}, false, 0, -1},
		{"its start is another life's", 1, false, false, 0, start.Add(time.Hour), false, 0, -1},
		{"at once", 1, false, false, 0, start.Add(time.Minute), false, 0, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := Event{
				Event:     docker.Event{Action: docker.ActionDie, At: start.Add(time.Minute), ExitCode: tt.exit},
				Container: docker.Container{OOMKilled: tt.told, StartedAt: tt.started}, Requested: tt.requested, Last: Last{OOMKills: tt.kills},
			}
			if got := e.OOM(); got != tt.oom {
				t.Errorf("OOM() = %v", got)
			}
			if signal, ok := e.Died(); ok != (tt.signal > 0) || ok && signal != tt.signal {
				t.Errorf("Died() = %d, %v", signal, ok)
			}
			if lifetime, ok := e.Lifetime(); ok != (tt.lifetime >= 0) || ok && lifetime != tt.lifetime {
				t.Errorf("Lifetime() = %s, %v", lifetime, ok)
			}
		})
	}
}

func TestExitCode(t *testing.T) {
	at := func(seconds int) time.Time { return start().Add(time.Duration(seconds) * time.Second) }
	exited := func(code, began, ended int) docker.Container {
		return docker.Container{Status: "exited", ExitCode: code, StartedAt: at(began), FinishedAt: at(ended)}
	}
	restarted, again := exited(7, 3, 2), exited(7, 1, 2)
	claimed, waits := exited(7, 1, 3), exited(7, 1, 3)
	claimed.Claims.ExitCode, waits.Status = true, "restarting"
	notYet := docker.Container{Status: "running", StartedAt: at(1), Claims: claimed.Claims}
	again.Status = "running" // by an event: the answer to what else is new is on its way
	for _, tt := range []struct {
		name string
		told int
		c    docker.Container
		want int
	}{
		{"the engine has noted the code that it could not tell", 255, exited(7, 1, 3), 7},
		{"also one that is good", 255, exited(0, 1, 3), 0},
		{"also at a time just after that of the event", 255, exited(7, 1, 6), 7},
		{"it really was 255", 255, exited(255, 1, 3), 255},
		{"a code that is told is true: an engine that is killed then notes another", 7, exited(137, 1, 3), 7},
		{"nothing is known of the container", 255, docker.Container{}, 255},
		{"what is known is of the next life", 255, exited(7, 6, 7), 255},
		{"what is known is of a later end", 255, exited(7, 1, 9), 255},
		{"what is known is of the life before", 255, restarted, 255},
		{"it was started since", 255, again, 255},
		{"it waits for its next start", 255, waits, 7},
		{"a label stands in for the code", 0, claimed, 7},
		{"and nobody has noted it", 0, notYet, 255},
	} {
		if got := ExitCode(docker.Event{Action: docker.ActionDie, ExitCode: tt.told, At: at(5)}, tt.c); got != tt.want {
			t.Errorf("%s: got %d, expected %d", tt.name, got, tt.want)
		}
	}
}
