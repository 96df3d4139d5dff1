#!/usr/bin/env bash
# Called by run.sh on the other machine: inside.sh DRIVER [record].
set -euo pipefail
driver=$1 record=${2:-}
export NEZUBAN_BUILT=/in/built NEZUBAN_REQUIRE=docker,root

[ "$(stat -fc %T /sys/fs/cgroup)" = cgroup2fs ] || { echo "inside.sh: this machine has not cgroup v2 alone" >&2; exit 1; }
mkdir -p /etc/docker
echo "{\"exec-opts\": [\"native.cgroupdriver=$driver\"]}" >/etc/docker/daemon.json
systemctl restart docker
uname -r
docker info -f 'Docker {{.ServerVersion}}, cgroup v{{.CgroupVersion}}, {{.CgroupDriver}} driver'
[ "$(docker info -f '{{.CgroupDriver}}')" = "$driver" ]

if [ -n "$record" ]; then
	(cd /in/repository && /in/built/record /out "v2-$driver")
fi
failed=
run() { # PACKAGE [FLAGS]: the tests of a package, in its folder
	echo "--- $1"
	(cd "/in/repository/$1" && ./test -test.v "${@:2}") || failed="$failed $1"
}
run agent/internal/host
run agent -test.run 'Among|WithoutDocker'
run agent/internal/app -test.run 'OfCAdvisor|Verify|SamplesOfReal|OutOfMemory|WithoutDocker|LastSample|PresentState|Fallback'
[ -z "$failed" ] || { echo "failed:$failed" >&2; exit 1; }
