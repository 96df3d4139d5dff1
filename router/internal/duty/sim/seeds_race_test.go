//go:build race

package sim

// standardSeeds under the race detector, which makes a run some ten times as slow.
const standardSeeds = 10
