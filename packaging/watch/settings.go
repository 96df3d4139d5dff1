package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"nezuban/packaging/loadimage"
)

// settings are where things stand on this machine. Templates read them.
type settings struct {
	Root  string // the repository
	State string // everything that is written, absolute
	Zone  string // the machine's time zone, an IANA name
	// Docker is the engine's socket, whether it answers or not.
	Docker string
	Ports  ports
}

func (s settings) logs() string { return filepath.Join(s.State, "log") }

// bin is the path of a program that `make build` made.
func (s settings) bin(name string) string { return filepath.Join(s.Root, "bin", name) }

// port is one TCP port on loopback.
type port struct {
	Number int
	owner  string
	env    string // the variable that moves it
}

func (p port) String() string { return strconv.Itoa(p.Number) }

// ports are all that `make run` listens at.
type ports struct {
	InfluxDB, Router, Agent, Tokyo, Frankfurt, Oregon, Web port
}

func (p ports) all() []port {
	return []port{p.InfluxDB, p.Router, p.Agent, p.Tokyo, p.Frankfurt, p.Oregon, p.Web}
}

// settingsFrom reads the environment; make passes variables of its command
// line the same way.
func settingsFrom(getenv func(string) string) (settings, error) {
	root, err := os.Getwd()
	if err != nil {
		return settings{}, err
	}
	state := getenv("NEZUBAN_STATE")
	if state == "" {
		state = ".state"
	}
	if state, err = filepath.Abs(state); err != nil {
		return settings{}, fmt.Errorf("NEZUBAN_STATE: %w", err)
	}
	s := settings{Root: root, State: state, Zone: zoneName("/etc/localtime"), Docker: loadimage.Socket()}
	var errs []error
	read := func(owner, env string, fallback int) port {
		n, err := portFrom(getenv(env), fallback)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", env, err))
		}
		return port{n, owner, env}
	}
	s.Ports = ports{
		InfluxDB:  read("influxdb", "NEZUBAN_INFLUXDB_PORT", 18086),
		Router:    read("router", "NEZUBAN_ROUTER_PORT", 17070),
		Agent:     read("agent", "NEZUBAN_AGENT_PORT", 17073),
		Tokyo:     read("checks-tokyo", "NEZUBAN_TOKYO_PORT", 17074),
		Frankfurt: read("checks-frankfurt", "NEZUBAN_FRANKFURT_PORT", 17075),
		Oregon:    read("checks-oregon", "NEZUBAN_OREGON_PORT", 17076),
		Web:       read("demo-web", "NEZUBAN_WEB_PORT", 17077),
	}
	return s, errors.Join(errs...)
}

func portFrom(text string, fallback int) (int, error) {
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 65535 {
		return 0, fmt.Errorf("found %q, expected a port from 1 to 65535", text)
	}
	return n, nil
}

// free says which ports are taken or asked for twice, all at once, before
// anything starts.
func (p ports) free(ctx context.Context) error {
	var errs []error
	asked := map[int]port{}
	for _, port := range p.all() {
		if other, twice := asked[port.Number]; twice {
			errs = append(errs, fmt.Errorf("port %v is asked for by %s and %s; set %s", port, other.owner, port.owner, port.env))
			continue
		}
		asked[port.Number] = port
		l, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:"+port.String())
		switch {
		case errors.Is(err, syscall.EADDRINUSE):
			errs = append(errs, fmt.Errorf("port %v (%s) is taken; set %s to another one", port, port.owner, port.env))
		case err != nil:
			errs = append(errs, fmt.Errorf("port %v (%s): %w", port, port.owner, err))
		default:
			l.Close()
		}
	}
	return errors.Join(errs...)
}

// zoneName is the IANA name of the machine's zone, from the link at path that
// names it; UTC when there is none that Go knows.
func zoneName(path string) string {
	target, err := os.Readlink(path)
	if err != nil {
		return "UTC"
	}
	_, name, found := strings.Cut(target, "zoneinfo/")
	if _, err := time.LoadLocation(name); !found || err != nil || strings.HasPrefix(name, "Etc/") {
		return "UTC"
	}
	return name
}

// lockState makes the state folder and takes it for this process. The kernel
// frees the lock however the process ends.
func lockState(dir string) (unlock func(), err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("state folder: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, fmt.Errorf("the watch runs here already: %s is locked; stop it, or set NEZUBAN_STATE and the ports", f.Name())
	}
	return func() { f.Close() }, nil
}
