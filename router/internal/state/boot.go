package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/storage/wal"
	"go.uber.org/zap/zapcore"
)

// boot starts a member and waits until it serves. It gives up when the member has died.
func boot(ctx context.Context, cfg *embed.Config, died <-chan error) (*embed.Etcd, error) {
	type outcome struct {
		server *embed.Etcd
		err    error
	}
	started := make(chan outcome, 1)
	go func() {
		var o outcome
		defer func() {
			if p := recover(); p != nil {
				o.err = unreadable(fmt.Errorf("panic: %v", p))
			}
			started <- o
		}()
		o.server, o.err = embed.StartEtcd(cfg)
	}()
	var server *embed.Etcd
	select { // how long it reads depends on how much there is
	case o := <-started:
		if o.err != nil {
			return nil, refused(o.err)
		}
		server = o.server
	case err := <-died:
		return nil, unreadable(err)
	}
	waiting, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	var err error
	select {
	case <-server.Server.ReadyNotify():
		return server, nil
	case err := <-died:
		return nil, unreadable(err)
	case err = <-server.Err():
		err = refused(err)
	case <-waiting.Done():
		err = notReady(ctx)
	}
	go server.Close() // one that is not ready may never return
	return nil, err
}

// hasLog refuses a folder that has lost its log: etcd would begin a new one, and never be ready. The database alone says
// nothing: a router that was killed in its first start leaves one.
func hasLog(dir string) error {
	snapshots, err := fs.Glob(os.DirFS(dir), "member/snap/*.snap")
	if err == nil && len(snapshots) > 0 && !wal.Exist(filepath.Join(dir, "member", "wal")) {
		return unreadable(errors.New("found snapshots, and no log in member/wal"))
	}
	return nil // etcd says what else is wrong
}

// unreadable says what to do about what a member finds and cannot read.
func unreadable(err error) error {
	if strings.Contains(err.Error(), syscall.ENOSPC.Error()) { // the library does not keep errors apart from its words
		return fmt.Errorf("%w; make room on the disk, and start again", err)
	}
	return fmt.Errorf("what is in the folder cannot be used: %w; look at the disk, then move the folder away and restore the last backup", err)
}

// notReady is why a member that was waited for is not ready: the caller's ctx has ended, or it waits for entries that its
// log has lost.
func notReady(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("not ready: %w", err)
	}
	return unreadable(fmt.Errorf("not ready after %s", readyWithin))
}

// refused is the error of a start. What is not about the data, such as a folder that may not be entered, stays as it is.
func refused(err error) error {
	var socket *net.OpError
	if errors.As(err, &socket) || errors.Is(err, fs.ErrPermission) {
		return err
	}
	return unreadable(err)
}

// standStill tells why the member cannot go on, and lets the goroutine that found out go no further: what it was about to
// acknowledge is not on disk.
type standStill func(error)

// OnWrite implements [zapcore.CheckWriteHook].
func (tell standStill) OnWrite(entry *zapcore.CheckedEntry, fields []zapcore.Field) {
	err := errors.New(entry.Message)
	for _, field := range fields {
		if cause, ok := field.Interface.(error); ok {
			err = fmt.Errorf("%s: %w", entry.Message, cause)
		}
	}
	tell(err)
	select {}
}
