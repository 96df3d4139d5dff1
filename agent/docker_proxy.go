package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strings"

	"nezuban/agent/daemon"
	"nezuban/agent/internal/dockerproxy"
)

// dockerProxy is the sub-command docker-proxy, until SIGTERM.
func dockerProxy(flags *flag.FlagSet, args []string, stderr io.Writer) int {
	listen := flags.String("listen", "", "`socket` to answer on, of mode 0660; none: the one that systemd hands over")
	engine := flags.String("docker", "/var/run/docker.sock", "Docker's `socket`")
	labels := flags.String("labels", "", "`keys` of containers' labels that may pass, with commas between; none: no label")
	if err := flags.Parse(args); err != nil {
		return exitUsage
	}
	if flags.NArg() > 0 {
		fmt.Fprintf(stderr, "%s: argument %q is not understood\n", flags.Name(), flags.Arg(0))
		return exitUsage
	}
	var pass []string
	if *labels != "" {
		pass = strings.Split(*labels, ",")
	}
	if slices.ContainsFunc(pass, func(key string) bool { return key == "" || strings.TrimSpace(key) != key }) {
		fmt.Fprintf(stderr, "%s: -labels: found %q, expected keys with commas and no blanks between\n", flags.Name(), *labels)
		return exitUsage
	}
	return daemon.Main(daemon.Options{Name: "nezuban-docker-proxy"}, func(ctx context.Context, d *daemon.Daemon) error {
		ln, err := proxyListener(ctx, *listen)
		if err != nil {
			return err
		}
		proxy := dockerproxy.New(dockerproxy.Options{Engine: *engine, Labels: pass, Log: d.Log})
		defer proxy.Close()
		d.Log.Info("answering for docker", "socket", ln.Addr().String(), "docker", *engine, "labels", pass)
		return d.Guard(func() error { return proxy.Serve(ctx, ln) })()
	})
}

// proxyListener is the socket at path or, without one, that of systemd.
func proxyListener(ctx context.Context, path string) (net.Listener, error) {
	if path == "" {
		return dockerproxy.Inherited(os.LookupEnv, os.Getpid())
	}
	return dockerproxy.Listen(ctx, path)
}
