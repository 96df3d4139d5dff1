#!/usr/bin/env bash
# Runs what compares real containers with cAdvisor's handler, and the built
# agent, on another machine: one with cgroup v2, systemd and Docker.
#
#   run.sh RECORDINGS GUEST...
#
# RECORDINGS is a folder that receives recordings of the machine's cgroups, or
# - for none. GUEST is a command that is called as `GUEST IN OUT COMMAND`: it
# copies the folder IN to /in of that machine, runs COMMAND there as root with
# bash, copies /out of that machine to the folder OUT, and ends with the exit
# status of COMMAND. It may be called more than once, and need keep nothing.
# That machine needs Docker with its command, no Go and no network.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '2,13s/^# \?//p' "$0" >&2; exit 2; }
recordings=$1
shift
cd "$(dirname "$0")/../.."
export CGO_ENABLED=0

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/in/built" "$work/out"
go build -trimpath -o "$work/in/built/" ./agent ./packaging/testload ./agent/internal/cgroup/record
for package in agent agent/internal/app agent/internal/host; do
	mkdir -p "$work/in/repository/$package"
	go test -c -o "$work/in/repository/$package/test" "./$package"
	[ ! -d "$package/testdata" ] || cp -r "$package/testdata" "$work/in/repository/$package/"
done
cp go.mod "$work/in/repository/"
cp packaging/guest/inside.sh "$work/in/"

failed=
for driver in cgroupfs systemd; do
	echo "=== $driver"
	"$@" "$work/in" "$work/out" "bash /in/inside.sh $driver $([ "$recordings" = - ] || echo record)" || failed="$failed $driver"
done
[ "$recordings" = - ] || cp "$work"/out/*.txtar "$recordings/"
[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
