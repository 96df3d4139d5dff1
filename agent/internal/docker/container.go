package docker

import (
	"maps"
	"slices"
	"strings"
	"time"
)

// unknownVersion stands for the version of an image named without one, as in Telegraf.
const unknownVersion = "unknown"

// Healthy is the health of a container whose health check succeeds.
const Healthy = "healthy"

// Container is what one inspect tells. A field that is empty is not known:
// details of a container that was gone before it could be asked for have only
// what its events carry.
type Container struct {
	ID            string
	Name          string // without the leading slash
	Image         string // without the version
	Version       string // the image's tag or digest, or "unknown"
	RestartPolicy string // no, always, on-failure or unless-stopped
	AutoRemove    bool   // started with --rm
	NetworkMode   string // bridge, default, host, none, container:ID or the name of a network

	Status       string // created, running, paused, restarting, removing, exited or dead
	PID          int    // of the main process, as the host sees it; 0 when not running
	ExitCode     int
	OOMKilled    bool
	RestartCount int
	StartedAt    time.Time         // zero: never
	FinishedAt   time.Time         // zero: never
	Labels       map[string]string // those that are asked for
	Claims       Claims
	Health       string // healthy, unhealthy or starting; empty without a health check

	FailingStreak int // failed health checks in a row; negative: not known
}

// Claims are the attributes of a container's events that one of its labels has the name of: the engine tells the label's text in their place.
type Claims struct{ ExitCode, Signal, OldName bool }

// claimable are the names of such labels. [Inspection.Passed] leaves them, without their text.
var claimable = [...]string{attributeExitCode, attributeSignal, attributeOldName}

func claims(labels map[string]string) Claims {
	has := func(key string) bool { _, ok := labels[key]; return ok }
	return Claims{ExitCode: has(attributeExitCode), Signal: has(attributeSignal), OldName: has(attributeOldName)}
}

// Known says whether an inspect has told about the container.
func (c Container) Known() bool { return c.RestartPolicy != "" }

// Running says whether the container has a process, frozen or not.
func (c Container) Running() bool {
	return c.PID > 0 && (c.Status == "running" || c.Status == "paused")
}

// OwnsNetwork says whether the counters of the network that the container's
// process sees are its own: not the host's, not another container's.
func (c Container) OwnsNetwork() bool {
	return c.NetworkMode != "host" && !strings.HasPrefix(c.NetworkMode, "container:")
}

// Inspection is the part of GET /containers/ID/json that is read.
type Inspection struct {
	ID           string `json:"Id"`
	Name         string
	RestartCount int
	Config       struct {
		Image  string
		Labels map[string]string `json:",omitempty"`
	}
	HostConfig struct {
		AutoRemove    bool
		NetworkMode   string
		RestartPolicy struct{ Name string }
	}
	State struct {
		Status     string
		Pid        int
		ExitCode   int
		OOMKilled  bool
		StartedAt  time.Time
		FinishedAt time.Time
		Health     *struct {
			Status        string
			FailingStreak int
		} `json:",omitempty"`
	}
}

// Container is what the inspection tells of the container.
func (a Inspection) Container() Container {
	image, version := SplitImage(a.Config.Image)
	c := Container{
		ID: a.ID, Name: strings.TrimPrefix(a.Name, "/"), Image: image, Version: version,
		RestartPolicy: a.HostConfig.RestartPolicy.Name, AutoRemove: a.HostConfig.AutoRemove,
		NetworkMode: a.HostConfig.NetworkMode,
		Status:      a.State.Status, PID: a.State.Pid, ExitCode: a.State.ExitCode, OOMKilled: a.State.OOMKilled,
		RestartCount: a.RestartCount, StartedAt: a.State.StartedAt, FinishedAt: a.State.FinishedAt,
	}
	c.Claims = claims(a.Config.Labels)
	labels := maps.Clone(a.Config.Labels)
	maps.DeleteFunc(labels, func(key, text string) bool { return text == "" && slices.Contains(claimable[:], key) })
	if len(labels) > 0 {
		c.Labels = labels
	}
	if c.RestartPolicy == "" {
		c.RestartPolicy = "no" // what an engine means that leaves it out
	}
	if h := a.State.Health; h != nil && h.Status != "none" {
		c.Health, c.FailingStreak = h.Status, h.FailingStreak
	}
	return c
}

// SplitImage divides the reference of an image into name and version:
// registry:5000/team/api:1.2 has version 1.2, api@sha256:0a1b has sha256:0a1b,
// api has "unknown".
func SplitImage(ref string) (name, version string) {
	if name, digest, ok := strings.Cut(ref, "@"); ok {
		name, _ = SplitImage(name)
		return name, digest
	}
	if strings.HasPrefix(ref, "sha256:") {
		return ref, unknownVersion // an image id, of an image that lost its name
	}
	colon := strings.LastIndexByte(ref, ':')
	if colon < 0 || strings.ContainsRune(ref[colon:], '/') || colon+1 == len(ref) {
		return strings.TrimSuffix(ref, ":"), unknownVersion
	}
	return ref[:colon], ref[colon+1:]
}

// Container is what a list tells of a container that could not be inspected.
func (s Summary) Container() Container {
	c := Container{ID: s.ID, Status: s.State}
	c.Image, c.Version = SplitImage(s.Image)
	if len(s.Names) > 0 {
		c.Name = strings.TrimPrefix(s.Names[0], "/")
	}
	return c
}

// Container is what an event tells of a container that is gone before it could
// be inspected.
func (e Event) Container() Container {
	c := Container{ID: e.ID, Name: e.Name}
	c.Image, c.Version = SplitImage(e.Image)
	return c
}
