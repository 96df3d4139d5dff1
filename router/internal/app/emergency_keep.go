package app

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"time"

	"nezuban/router/internal/incident"
	"nezuban/router/internal/page"
	"nezuban/router/internal/state"
)

// toldFile is, below the state folder, who was told that the state cannot be written, until they have heard that it is over: a
// router that has ended meanwhile says so after its next start.
const toldFile = "told.json"

// keptTold is a message in that file.
type keptTold struct {
	Version    int    `json:"version"`
	Channel    string `json:"channel"`
	Person     string `json:"person"`
	Incident   string `json:"incident"`
	Page       string `json:"page"`
	ProviderID string `json:"provider_id,omitempty"`
}

// keep writes down who has not heard yet that it is over, as well as that goes: a disk that hangs holds nobody up for longer than
// one try of a channel. Without a file nothing is kept.
func (e *emergency) keep() {
	if e.file == "" {
		return
	}
	done := make(chan error, 1)
	go func() {
		e.keeping.Lock()
		defer e.keeping.Unlock()
		done <- e.write()
	}()
	timer := time.NewTimer(emergencyWithin)
	defer timer.Stop()
	var err error
	select {
	case err = <-done:
	case <-timer.C:
		err = errors.New("the disk does not answer")
	}
	if err != nil {
		e.log.Warn("cannot keep who was told that the state cannot be written", "err", err)
	}
}

func (e *emergency) write() error {
	e.mu.Lock()
	all := slices.Concat(e.ended, e.told)
	e.mu.Unlock()
	if len(all) == 0 {
		if err := os.Remove(e.file); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	var list []keptTold
	for _, t := range all {
		m := t.message
		list = append(list, keptTold{1, t.channel, m.People[0].Person, m.IncidentID, m.PageID, m.ProviderID})
	}
	text, err := json.Marshal(list)
	if err != nil {
		return err
	}
	return state.WriteFile(e.file, text, 0o600)
}

// recall goes on from what was kept: who was told by a router that has ended since hears that it is over as soon as the state can
// be written.
func (e *emergency) recall() error {
	text, err := os.ReadFile(e.file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	var list []keptTold
	if err == nil {
		err = json.Unmarshal(text, &list)
	}
	if err != nil {
		return fmt.Errorf("read who was told that the state cannot be written: %s: %w", e.file, err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, k := range list {
		e.told = append(e.told, told{k.Channel, page.Message{
			IncidentID: k.Incident, PageID: k.Page, ProviderID: k.ProviderID, Rule: stateUnwritable, Severity: incident.SeverityPage,
			Labels: map[string]string{"router": e.router}, URL: e.link, People: []page.Recipient{{Person: k.Person}},
		}})
	}
	return nil
}
