// Command demo is `make demo-incident`: it makes something really fail, for the
// watch that `make run` started to notice.
//
// With Docker it runs a container that crashes. Without, it panics and lets an
// unmodified Sentry SDK report that to the router. It fails nothing that it did
// not start, and leaves nothing behind.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"time"

	"github.com/getsentry/sentry-go"

	"nezuban/packaging/loadimage"
)

const usage = `usage: demo [container|error]
  container  a container that crashes (the default with Docker)
  error      a program that panics and reports it by a Sentry SDK
`

func main() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "demo: %v\n", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	router := "127.0.0.1:" + cmp.Or(os.Getenv("NEZUBAN_ROUTER_PORT"), "17070")
	if err := reachable(ctx, router); err != nil {
		return fmt.Errorf("%w; start `make run` in another terminal first", err)
	}
	var what string
	switch {
	case len(args) == 1:
		what = args[0]
	case loadimage.Ping(ctx, loadimage.Socket()) == nil:
		what = "container"
	default:
		what = "error"
	}
	var err error
	switch what {
	case "container":
		err = crashContainer(ctx)
	case "error":
		err = reportPanic("http://demo@" + router + "/1")
	default:
		return fmt.Errorf("found %q\n%s", what, usage)
	}
	if err != nil {
		return err
	}
	fmt.Printf("look at the terminal of `make run` for the line that begins with PAGE; then\n" +
		"  bin/nezuban-router incidents -config .state/router.toml\n" +
		"  bin/nezuban-router resolve -config .state/router.toml ID\n")
	return nil
}

func reachable(ctx context.Context, router string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+router+"/healthz", nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("the router does not answer: %w", err)
	}
	return resp.Body.Close()
}

// crashContainer runs a container that ends with code 7 after two seconds. The
// two seconds let the agent take a first sample of it. --rm: it leaves nothing.
func crashContainer(ctx context.Context) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	image, err := loadimage.Make(ctx, root, loadimage.Socket())
	if err != nil {
		return err
	}
	fmt.Println("container nezuban-demo ends with exit code 7 in two seconds")
	cmd := exec.CommandContext(ctx, "docker", "run", "--rm", "--name", "nezuban-demo", image, "exit", "7", "after", "2s")
	out, err := cmd.CombinedOutput()
	if failed, ok := errors.AsType[*exec.ExitError](err); ok && failed.ExitCode() == 7 {
		return nil // as it should
	}
	return fmt.Errorf("docker run: expected exit code 7: %w\n%s", err, out)
}

// reportPanic panics as an application does, and reports it as one does.
func reportPanic(dsn string) error {
	if err := sentry.Init(sentry.ClientOptions{Dsn: dsn, Environment: "demo"}); err != nil {
		return fmt.Errorf("sentry: %w", err)
	}
	fmt.Println("the shop's checkout panics and its Sentry SDK reports that to the router")
	func() {
		defer sentry.Recover()
		checkout(nil)
	}()
	if !sentry.Flush(10 * time.Second) {
		return errors.New("sentry: the report was not accepted within 10 s")
	}
	return nil
}

// checkout has the bug: it takes an empty basket for a full one.
func checkout(basket []string) {
	fmt.Println("selling", basket[0])
}
