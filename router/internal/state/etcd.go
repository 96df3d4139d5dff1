package state

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.uber.org/zap"
)

// Limits of the embedded member.
const (
	defaultQuota     = 2 << 30 // bytes
	reserve          = 0.25    // of the quota, above it: for what was accepted, which takes more room when it is told
	keptRevisions    = "1000"  // compaction keeps this many
	snapshotEvery    = 200     // transactions: its log keeps them in memory until then
	readyWithin      = 30 * time.Second
	longestSocketDir = 90 // bytes: the kernel takes 107 for a socket's whole path
)

// startEmbedded starts a single etcd member whose data is in dir. It listens on unix sockets inside a folder that only
// this user may enter: nobody else on the machine can read or alter the state, and no port can clash.
//
// When the member cannot go on, as on a full disk, its library would end the process without a word: fatal is called
// instead, once, and the member stands still. What it finds at the start and cannot read is an error; the goroutine that found
// it stands still until the process ends.
func startEmbedded(ctx context.Context, dir string, quota int64, fatal func(error)) (*embed.Etcd, *clientv3.Client, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("start etcd: %w", err)
	}
	sockets, err := socketDir(dir)
	if err == nil {
		err = hasLog(dir)
	}
	if err == nil {
		err = undamaged(dir)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("start etcd in %q: %w", dir, err)
	}
	cfg := embed.NewConfig()
	cfg.Name = "router"
	cfg.Dir = dir
	client := url.URL{Scheme: "unix", Path: filepath.Join(sockets, "client")}
	peer := url.URL{Scheme: "unix", Path: filepath.Join(sockets, "peer")}
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{client}, []url.URL{client}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{peer}, []url.URL{peer}
	cfg.InitialCluster = cfg.InitialClusterFromName(cfg.Name)
	// At its own quota etcd refuses what was accepted too: the router's bound comes well before.
	cfg.QuotaBackendBytes = int64((1 + reserve) * float64(quota))
	// Entries of its log stay in memory for members that lag behind, of which there are none.
	cfg.SnapshotCount, cfg.SnapshotCatchUpEntries = snapshotEvery, 1
	cfg.AutoCompactionMode, cfg.AutoCompactionRetention = embed.CompactorModeRevision, keptRevisions
	// Its troubles come back as errors of each call, but for those after which it cannot go on.
	died := make(chan error, 1)
	still := standStill(func(err error) {
		select {
		case died <- err:
		default: // what came first is why
		}
		fatal(err)
	})
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop().WithOptions(zap.WithFatalHook(still), zap.WithPanicHook(still)))
	server, err := boot(ctx, cfg, died)
	if err != nil {
		return nil, nil, fmt.Errorf("start etcd in %q: %w", dir, err)
	}
	return server, v3client.New(server.Server), nil
}

// socketDir is where the sockets live: beside the data, or, when no socket can have that path, in a folder of this user
// below the temporary one. Its name follows from the path, so that one which a crash left behind is used again.
func socketDir(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if fitsSockets(abs) {
		return abs, nil
	}
	sum := sha256.Sum256([]byte(abs))
	short := filepath.Join(os.TempDir(), fmt.Sprintf("nezuban-etcd-%d-%x", os.Geteuid(), sum[:8]))
	if !fitsSockets(short) {
		return "", fmt.Errorf("make a folder for its sockets: found %q, expected at most %d bytes and no comma: set TMPDIR to another folder", short, longestSocketDir)
	}
	if err := os.Mkdir(short, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return "", err
	}
	return short, ownAlone(short)
}

// fitsSockets says that a folder may hold the sockets: the kernel bounds their paths, and etcd takes their URLs in a list.
func fitsSockets(dir string) bool { return len(dir) <= longestSocketDir && !strings.Contains(dir, ",") }

// ownAlone refuses a folder that somebody else made, or may enter.
func ownAlone(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || info.Mode().Perm() != 0o700 || !ok || int(owner.Uid) != os.Geteuid() {
		return fmt.Errorf("folder %q: found mode %s, expected a folder of this user that nobody else may enter", dir, info.Mode())
	}
	return nil
}
