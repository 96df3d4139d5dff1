//go:build !race

package sim

// standardSeeds is how many seeds run where nobody says how many.
const standardSeeds = 160
