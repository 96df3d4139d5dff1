package rule

import (
	"fmt"
	"time"

	"nezuban/agent/influx"
)

// event is one container_event: what Docker said, or, for present, what the agent found on connecting.
type event struct {
	host, name string
	id         string // of the container
	action     string
	at         time.Time // by the host's clock

	image, version string
	restartPolicy  string
	autoRemove     bool

	exitCode  int64 // of a die
	requested bool  // of a die: somebody asked for it
	signal    string
	health    string
	status    string    // of a present
	startedAt time.Time // of a present; zero when it does not say
}

// readEvent reads a point of container_event. One that does not say which container, or what happened, is an error.
func readEvent(p influx.Point, now time.Time) (event, error) {
	e := event{
		host: p.Tag(influx.TagHost), name: p.Tag(influx.TagContainerName), action: p.Tag(influx.TagAction), at: p.Time,
	}
	switch {
	case e.host == "" || e.name == "":
		return e, fmt.Errorf("read container event of host %q, container %q: expected both", clip(e.host), clip(e.name))
	case !knownAction(e.action):
		return e, fmt.Errorf("read container event: found action %q, expected one of Docker's", clip(e.action))
	}
	if e.at.IsZero() {
		e.at = now
	}
	e.id, _ = p.Text(influx.FieldContainerID)
	e.image, _ = p.Text(influx.FieldImage)
	e.version, _ = p.Text(influx.FieldVersion)
	e.restartPolicy, _ = p.Text(influx.FieldRestartPolicy)
	e.autoRemove, _ = p.Bool(influx.FieldAutoRemove)
	e.exitCode, _ = p.Int(influx.FieldExitCode)
	e.requested, _ = p.Bool(influx.FieldRequested)
	e.signal, _ = p.Text(influx.FieldSignal)
	e.health, _ = p.Text(influx.FieldHealth)
	e.status, _ = p.Text(influx.FieldStatus)
	if started, ok := p.Int(influx.FieldStartedAt); ok && started > 0 {
		e.startedAt = time.Unix(0, started)
	}
	return e, nil
}

func knownAction(action string) bool {
	switch action {
	case influx.ActionPresent, influx.ActionStart, influx.ActionDie, influx.ActionOOM, influx.ActionHealthStatus,
		influx.ActionKill, influx.ActionStop, influx.ActionDestroy,
		influx.ActionPause, influx.ActionUnpause, influx.ActionRename, influx.ActionGone:
		return true
	}
	return false
}

// decides says that something may follow from the event. A pause and another name are no trouble; how a container ended that is gone,
// and whether somebody asked for it, nobody knows.
func (e event) decides() bool {
	switch e.action {
	case influx.ActionPause, influx.ActionUnpause, influx.ActionRename, influx.ActionGone:
		return false
	}
	return true
}

// identity names an event: the same one sent again has the same identity, and no other has.
func (e event) identity() string {
	return fmt.Sprintf("%s/%s/%d/%s", e.host, e.id, e.at.UnixNano(), e.action)
}

// restarts says whether Docker starts the container again when it dies.
func (e event) restarts() bool {
	return e.restartPolicy != "" && e.restartPolicy != influx.RestartNo
}

// running says whether a present container has a process.
func (e event) running() bool { return e.status == "running" || e.status == "paused" }

// runningSince is when a present, running container started, as far as it says.
func (e event) runningSince() time.Time {
	if e.startedAt.IsZero() || e.startedAt.After(e.at) {
		return e.at
	}
	return e.startedAt
}
