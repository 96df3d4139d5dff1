// Package guest holds the scripts of `make guest`, which run the agent and the tests that stand on real containers on another
// machine, with cgroup v2.
//
// Nothing imports it.
package guest
