package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"nezuban/packaging/influxd"
	"nezuban/packaging/loadimage"
)

// system lists what runs, in the order of the start: each finds ready what it
// sends to. It builds what `make build` does not.
func system(ctx context.Context, s settings) ([]spec, error) {
	influx, err := influxSpec(ctx, s)
	if err != nil {
		return nil, err
	}
	show := func(line string) { fmt.Println(line) } // the router prints sign-in, on call and PAGE lines, nothing else
	specs := []spec{
		influx,
		{
			name: "router", path: s.bin("nezuban-router"), args: []string{"run", "-config", filepath.Join(s.State, "router.toml")},
			ready: loopback(s.Ports.Router, "/readyz"), show: show, vital: true,
		},
		{
			name: "demo-web", path: s.bin("testload"), args: []string{"serve", "127.0.0.1:" + s.Ports.Web.String()},
			ready: loopback(s.Ports.Web, "/"), optional: true,
		},
	}
	for _, l := range locations(s) {
		specs = append(specs, spec{
			name: "checks-" + l.Name, path: s.bin("nezuban-checks"),
			args:  []string{"run", "-config", filepath.Join(s.State, "checks-"+l.Name+".toml")},
			ready: loopback(l.Port, "/healthz"),
		})
	}
	return append(specs, spec{
		name: "agent", path: s.bin("nezuban-agent"), args: []string{"run", "-config", filepath.Join(s.State, "agent.toml")},
		ready: loopback(s.Ports.Agent, "/healthz"), // not /readyz, which waits for the first round
	}), nil
}

func influxSpec(ctx context.Context, s settings) (spec, error) {
	path, err := influxd.Install(ctx, s.Root, os.Stdout)
	if err != nil {
		return spec{}, err
	}
	dir := filepath.Join(s.State, "influxdb")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return spec{}, err
	}
	config := filepath.Join(dir, "influxd.toml")
	if err := os.WriteFile(config, influxd.Config(dir, "127.0.0.1:"+s.Ports.InfluxDB.String(), influxd.Options{}), 0o600); err != nil {
		return spec{}, err
	}
	return spec{
		name: "influxdb", path: path, args: []string{"-config", config},
		ready: loopback(s.Ports.InfluxDB, "/ping"),
	}, nil
}

func loopback(p port, path string) string { return "http://127.0.0.1:" + p.String() + path }

// banner says what runs, once all of it does.
func banner(ctx context.Context, s settings) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	watched := "containers and host"
	if err := loadimage.Ping(ctx, s.Docker); err != nil {
		watched = fmt.Sprintf("host; containers once Docker answers at %s: %v", s.Docker, err)
	}
	fmt.Printf(`watching this machine (%s)
  router      %s
  influxdb    %s (database nezuban, Flux and InfluxQL)
  demo server %s (checked from tokyo, frankfurt and oregon)
  settings    %s
  logs        %s
make demo-incident, in another terminal, makes something fail; Ctrl-C stops everything
`, watched, loopback(s.Ports.Router, "/"), loopback(s.Ports.InfluxDB, ""), loopback(s.Ports.Web, "/"),
		filepath.Join(s.State, "*.toml"), filepath.Join(s.logs(), "*.log"))
}
