// Package testenv gives tests the real things that they stand on: an InfluxDB,
// the Docker engine, a container image, root, a browser.
//
// Tests of every package call it; nothing else does. A test whose thing is
// missing is left out with the command that brings it, never passed in
// silence; with NEZUBAN_REQUIRE it fails instead. It never installs a package
// of the system and never stops anything that it did not start.
package testenv

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"nezuban/packaging/loadimage"
)

// Environment variables that decide what a missing thing means.
const (
	// RequireEnv lists, separated by commas, the items that must not be left
	// out; "all" means every one.
	RequireEnv = "NEZUBAN_REQUIRE"
	// LeftOutEnv names a file to which LeftOut appends "item: command", from
	// which `make test` prints its closing list.
	LeftOutEnv = "NEZUBAN_LEFT_OUT"
)

// LeftOut leaves the running test out because item is missing; command is what
// the reader types to bring it. When NEZUBAN_REQUIRE asks for the item, the
// test fails. It does not return.
func LeftOut(tb testing.TB, item, command string) {
	tb.Helper()
	if required(os.Getenv(RequireEnv), item) {
		tb.Fatalf("%s is missing and %s asks for it; to bring it: %s", item, RequireEnv, command)
	}
	if path := os.Getenv(LeftOutEnv); path != "" {
		note(tb, path, item+": "+command)
	}
	tb.Skipf("left out: %s is missing; to bring it: %s", item, command)
}

func required(asked, item string) bool {
	items := strings.Split(asked, ",")
	return slices.Contains(items, "all") || slices.Contains(items, item)
}

// note appends one line; test binaries run side by side, and an append of one
// short line is whole.
func note(tb testing.TB, path, line string) {
	tb.Helper()
	f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
	if err != nil {
		tb.Fatalf("note what is left out: %v", err)
	}
	defer f.Close()
	if _, err := fmt.Fprintln(f, line); err != nil {
		tb.Fatalf("note what is left out: %v", err)
	}
}

// Root leaves the test out unless it runs as root.
func Root(tb testing.TB) {
	tb.Helper()
	if os.Geteuid() != 0 {
		LeftOut(tb, "root", "sudo -E make test")
	}
}

// Chromium returns the path of a browser that chromedp can drive.
func Chromium(tb testing.TB) string {
	tb.Helper()
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	LeftOut(tb, "chromium", "apt-get install chromium")
	return ""
}

// Command returns the path of a program that the Debian package pkg holds.
func Command(tb testing.TB, name, pkg string) string {
	tb.Helper()
	if path, err := exec.LookPath(name); err == nil {
		return path
	}
	// Daemons' programs are often outside of a user's PATH.
	if path, err := exec.LookPath(filepath.Join("/usr/sbin", name)); err == nil {
		return path
	}
	LeftOut(tb, name, "apt-get install "+pkg)
	return ""
}

// Repo returns the repository's root: the folder with go.mod above the test.
func Repo(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			tb.Fatal("no go.mod above the test")
		}
		dir = up
	}
}

// Build compiles the main package pkg (like "./agent") the way releases are
// built, without cgo, and returns the binary's path. The Go build cache makes
// a second call cheap. Where loadimage.BuiltEnv names a folder, it is a copy of
// the program there.
func Build(tb testing.TB, pkg string) string {
	tb.Helper()
	built := os.Getenv(loadimage.BuiltEnv)
	if built == "" {
		return build(tb, Repo(tb), pkg)
	}
	name := filepath.Base(pkg)
	program, err := os.ReadFile(filepath.Join(built, name))
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, program, 0o755); err != nil {
		tb.Fatal(err)
	}
	return path
}
