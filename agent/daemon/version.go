package daemon

import "runtime/debug"

// version is set when a release is linked:
// -ldflags "-X nezuban/agent/daemon.version=1.2.3".
var version string

// Version is the release that was built, else the commit that the Go tool
// recorded, else "dev".
func Version() string {
	if version != "" {
		return version
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "dev"
	}
	return info.Main.Version
}
