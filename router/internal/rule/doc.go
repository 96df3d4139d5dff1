// Package rule decides from samples and events what is the matter: thresholds, absence, what happens to containers,
// quorums of checks, and error budgets. It turns points of line protocol into alerts of package incident.
//
// The router's app holds one [Engine] under its lock, hands it each batch that arrives ([Engine.Observe]) and the time
// every second ([Engine.Tick]), makes the alerts and records of the [Step] that comes back durable in one go, and only
// then tells the engine so ([Engine.Accept]). What was not accepted has never happened: the same batch, or the next
// tick, says it again. What was accepted is never said twice, not by a batch that is sent again and not after a
// restart from the stored records.
//
// State alerts (thresholds, absence, checks, objectives, health) are levels: the engine compares what the samples say
// now with what was last accepted. Unknown, which is what silence and a fresh start are, changes nothing. Events of a
// container move a small state machine, one stored record each, strictly forward in the events' own order.
//
// Nothing here reads a clock, a disk or a network, and nothing locks: an Engine is used by one goroutine at a time.
package rule
