package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"nezuban/agent/daemon"
	"nezuban/router/internal/state"
)

// ErrRunning is returned where the state folder belongs to a router that runs.
var ErrRunning = errors.New("a router runs on it: stop it first")

// Backup takes a backup of a state that no running router has to be asked for: of the folder of one that is stopped, or of
// an external cluster. For the folder of one that runs the error is [ErrRunning].
func Backup(ctx context.Context, cfg Config) ([]byte, error) {
	if _, err := os.Stat(cfg.stateOptions().Dir); len(cfg.etcd.Endpoints) == 0 && errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("back the state up: there is none in %s", cfg.StateDir)
	}
	var data []byte
	err := withState(ctx, cfg, func(conn *state.Conn) (err error) {
		data, err = conn.Backup(ctx, time.Now(), daemon.Version())
		return err
	})
	return data, err
}

// Restore brings a backup back into the empty state that a configuration names.
func Restore(ctx context.Context, cfg Config, b *state.Backup) (state.Restored, error) {
	var report state.Restored
	err := withState(ctx, cfg, func(conn *state.Conn) (err error) {
		report, err = conn.Restore(ctx, b, time.Now())
		return err
	})
	return report, err
}

// withState opens the state for this process alone while do runs.
func withState(ctx context.Context, cfg Config, do func(*state.Conn) error) error {
	if len(cfg.etcd.Endpoints) == 0 {
		if err := os.MkdirAll(cfg.StateDir, 0o700); err != nil {
			return fmt.Errorf("open state folder: %w", err)
		}
		lock, err := lockDir(cfg.StateDir)
		if err != nil {
			return err
		}
		defer lock.Close()
	}
	conn, err := state.Connect(ctx, cfg.stateOptions())
	if err != nil {
		return err
	}
	defer conn.Close()
	return do(conn)
}
