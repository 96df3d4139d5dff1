// Command testetcd is one member of an etcd cluster for tests, which kill and restart it: etcd itself, without its
// command line.
//
//	testetcd -name m1 -dir DIR -client URL -peer URL -cluster m1=URL,m2=URL,m3=URL
//
// With -cert, -key and -ca clients speak TLS and need a certificate of that authority; without -ca they need none. With
// -root-password the member that finds no users yet makes the user root and asks everybody who they are from then on. It
// prints "ready" when it answers, and runs until SIGTERM.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/signal"
	"syscall"
	"time"

	"go.etcd.io/etcd/api/v3/v3rpc/rpctypes"
	clientv3 "go.etcd.io/etcd/client/v3"
	"go.etcd.io/etcd/server/v3/embed"
	"go.etcd.io/etcd/server/v3/etcdserver/api/v3client"
	"go.uber.org/zap"
)

type options struct {
	name, dir, client, peer, cluster string
	cert, key, ca                    string
	rootPassword                     string
	quota                            int64
}

func main() {
	var o options
	flag.StringVar(&o.name, "name", "m1", "`name` of the member")
	flag.StringVar(&o.dir, "dir", "", "`folder` of its data")
	flag.StringVar(&o.client, "client", "http://127.0.0.1:2379", "`URL` that clients use")
	flag.StringVar(&o.peer, "peer", "http://127.0.0.1:2380", "`URL` that members use")
	flag.StringVar(&o.cluster, "cluster", "", "all `members`, as name=URL,name=URL; this one alone when empty")
	flag.StringVar(&o.cert, "cert", "", "`file` with the certificate for clients")
	flag.StringVar(&o.key, "key", "", "`file` with its key")
	flag.StringVar(&o.ca, "ca", "", "`file` with the authority of clients' certificates")
	flag.StringVar(&o.rootPassword, "root-password", "", "turns on users, with this `password` for root")
	flag.Int64Var(&o.quota, "quota", 0, "`bytes` that the data may take; 0: etcd's default")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "testetcd:", err)
		os.Exit(1) //nolint:gocritic // nothing is left to undo
	}
}

func run(ctx context.Context, o options) error {
	cfg, err := o.config()
	if err != nil {
		return err
	}
	member, err := embed.StartEtcd(cfg)
	if err != nil {
		return err
	}
	defer member.Close()
	select {
	case <-member.Server.ReadyNotify():
	case err := <-member.Err():
		return err
	case <-ctx.Done():
		return nil
	}
	if o.rootPassword != "" {
		if err := protect(ctx, v3client.New(member.Server), o.rootPassword); err != nil {
			return err
		}
	}
	fmt.Println("ready")
	select {
	case err := <-member.Err():
		return err
	case <-ctx.Done():
		return nil
	}
}

func (o options) config() (*embed.Config, error) {
	client, err := url.Parse(o.client)
	if err != nil {
		return nil, err
	}
	peer, err := url.Parse(o.peer)
	if err != nil {
		return nil, err
	}
	cfg := embed.NewConfig()
	cfg.Name, cfg.Dir, cfg.QuotaBackendBytes = o.name, o.dir, o.quota
	cfg.ListenClientUrls, cfg.AdvertiseClientUrls = []url.URL{*client}, []url.URL{*client}
	cfg.ListenPeerUrls, cfg.AdvertisePeerUrls = []url.URL{*peer}, []url.URL{*peer}
	cfg.InitialCluster = o.cluster
	if o.cluster == "" {
		cfg.InitialCluster = cfg.InitialClusterFromName(o.name)
	}
	// Members of a test share a busy machine: the elections of etcd's defaults would never end on it.
	cfg.TickMs, cfg.ElectionMs = 100, 1000
	cfg.ClientTLSInfo.CertFile, cfg.ClientTLSInfo.KeyFile = o.cert, o.key
	cfg.ClientTLSInfo.TrustedCAFile, cfg.ClientTLSInfo.ClientCertAuth = o.ca, o.ca != ""
	cfg.ZapLoggerBuilder = embed.NewZapLoggerBuilder(zap.NewNop())
	return cfg, nil
}

// protect makes the user root and turns users on, unless another member has.
func protect(ctx context.Context, client *clientv3.Client, password string) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	_, err := client.UserAdd(ctx, "root", password)
	if err == nil {
		_, err = client.UserGrantRole(ctx, "root", "root")
	}
	if err == nil {
		_, err = client.AuthEnable(ctx)
	}
	if errors.Is(err, rpctypes.ErrUserAlreadyExist) || errors.Is(err, rpctypes.ErrGRPCUserAlreadyExist) || errors.Is(err, rpctypes.ErrUserEmpty) {
		return nil
	}
	return err
}
