package schedule_test

import "testing"

// Off, add and swap; covers are in TestWho.
func TestWhoWithChanges(t *testing.T) {
	askAll(t, []askRow{
		{"row 14: who is added is on call for the whole span, also where nobody is", api(weekly) + addOf("dan", "2026-01-04 09:00", "2026-01-06 09:00"), []ask{
			{"2026-01-04T08:00:00Z", "dan", "2026-01-05 09:00 CET"},
			{"2026-01-05T08:00:00Z", "alice, dan", "2026-01-06 09:00 CET"},
			{"2026-01-06T08:00:00Z", "alice", "2026-01-12 09:00 CET"},
		}},
		{"row 17: off and add of one person: add wins", api(weekly) + offOf("alice", "2026-01-06", "2026-01-07") + addOf("alice", "2026-01-07 12:00", "2026-01-07 18:00"), []ask{
			{"2026-01-07T10:00:00Z", "bob", "2026-01-07 12:00 CET"},
			{"2026-01-07T11:00:00Z", "alice, bob", "2026-01-07 18:00 CET"},
		}},
		{"fine print 7: the next in the ring steps in, and the order does not move", api(weekly) + offOf("alice", "2026-01-07", "2026-01-08"), []ask{
			{"2026-01-06T22:59:00Z", "alice", "2026-01-07 00:00 CET"},
			{"2026-01-06T23:00:00Z", "bob", "2026-01-09 00:00 CET"},
			{"2026-01-08T23:00:00Z", "alice", "2026-01-12 09:00 CET"},
			{"2026-01-12T08:00:00Z", "bob", "2026-01-19 09:00 CET"},
		}},
		{"fine print 7: if somebody of the turn is left, nobody is brought in", api(line("n", `every = "1w", from = "2026-01-05 09:00", who = [["alice", "bob"], "carol"]`)) + offOf("alice", "2026-01-07", "2026-01-08"), []ask{
			{"2026-01-07T12:00:00Z", "bob", "2026-01-09 00:00 CET"},
		}},
		{"fine print 7: the next turn with somebody serves whole, minus who is off, past empty turns", api(line("n", `every = "1w", from = "2026-01-05 09:00", who = ["alice", "-", "bob", ["bob", "carol", "dan"], "erin"]`)) +
			offOf("alice", "2026-01-07", "2026-01-08") + offOf("bob", "2026-01-07", "2026-01-08"), []ask{
			{"2026-01-07T12:00:00Z", "carol, dan", "2026-01-09 00:00 CET"},
		}},
		{"fine print 7: if all of the ring are off, the turn is transparent", api(line("low", `from = "2026-01-05 09:00", who = ["erin"]`), line("top", `every = "1w", from = "2026-01-05 09:00", who = ["alice", "-", "bob"]`)) +
			offOf("alice", "2026-01-07", "2026-01-08") + offOf("bob", "2026-01-07", "2026-01-08"), []ask{
			{"2026-01-07T12:00:00Z", "erin", "2026-01-09 00:00 CET"},
		}},
		{"fine print 7: who steps in is of the ring of the line in force", api(
			line("n", `every = "1w", from = "2026-01-05 09:00", to = "2026-01-08 09:00", who = ["alice", "bob"]`),
			line("n", `every = "1w", from = "2026-01-08 09:00", who = ["alice", "-", "bob"]`)) + offOf("alice", "2026-01-01", "2026-01-20"), []ask{
			{"2026-01-06T12:00:00Z", "bob", "2026-01-15 09:00 CET"},
		}},
		{"off is everywhere, and overlapping ones are one", api(weekly) + "[schedule.web]\nlayers = [{ name = \"n\", from = \"2026-01-05 09:00\", who = [\"alice\"] }]\n" +
			offOf("alice", "2026-01-07", "2026-01-09") + offOf("alice", "2026-01-08", "2026-01-08") + offOf("alice", "2026-01-09 12:00", "2026-01-10"), []ask{
			{"2026-01-07T12:00:00Z", "bob", "2026-01-11 00:00 CET"},
		}},
		{"a cover is looked up for who steps in", api(weekly) + offOf("alice", "2026-01-07", "2026-01-08") + coverOf("dan", "bob", "2026-01-08 09:00", "2026-01-08 12:00"), []ask{
			{"2026-01-08T08:00:00Z", "dan", "2026-01-08 12:00 CET"},
			{"2026-01-08T11:00:00Z", "bob", "2026-01-09 00:00 CET"},
		}},
		{"fine print 9: the turns that start on these days trade owners", api(weekly) + swapOf(`layer = "base", turns = ["alice 2026-01-26", "carol 2026-01-19"]`), []ask{
			{"2026-01-12T08:00:00Z", "bob", "2026-01-19 09:00 CET"},
			{"2026-01-19T08:00:00Z", "alice", "2026-01-26 09:00 CET"},
			{"2026-01-26T08:00:00Z", "carol", "2026-02-02 09:00 CET"},
			{"2026-02-02T08:00:00Z", "bob", "2026-02-09 09:00 CET"},
		}},
		{"fine print 9: else the turn that covers part of the day, in the only layer that fits", api(weekly, line("top", `every = "1d", from = "2026-03-01 09:00", who = ["dan", "-"]`)) + swapOf(`turns = ["bob 2026-01-14", "carol 2026-01-25"]`), []ask{
			{"2026-01-12T08:00:00Z", "carol", "2026-01-19 09:00 CET"},
			{"2026-01-19T08:00:00Z", "bob", "2026-01-26 09:00 CET"},
		}},
		{"fine print 9: in a group only the named person trades", api(line("n", `every = "1w", from = "2026-01-05 09:00", who = [["alice", "bob"], "carol"]`)) + swapOf(`turns = ["bob 2026-01-05", "carol 2026-01-12"]`), []ask{
			{"2026-01-05T08:00:00Z", "alice, carol", "2026-01-12 09:00 CET"},
			{"2026-01-12T08:00:00Z", "bob", "2026-01-19 09:00 CET"},
		}},
		{"fine print 9: the day is one of the zone of the change", api(line("n", `every = "1d", from = "2026-01-05 00:30", who = ["alice", "bob", "carol", "dan"]`)) + swapOf(`turns = ["alice 2026-01-04", "carol 2026-01-06"], zone = "UTC"`), []ask{
			{"2026-01-05T12:00:00Z", "carol", "2026-01-06 00:30 CET"},
			{"2026-01-07T12:00:00Z", "alice", "2026-01-08 00:30 CET"},
		}},
		{"fine print 7: if the named owner is off, the swap has no effect", api(weekly) + offOf("bob", "2026-01-12", "2026-01-13") + swapOf(`turns = ["bob 2026-01-12", "alice 2026-01-26"]`), []ask{
			{"2026-01-12T08:00:00Z", "carol", "2026-01-14 00:00 CET"},
			{"2026-01-13T23:00:00Z", "alice", "2026-01-19 09:00 CET"},
			{"2026-01-26T08:00:00Z", "bob", "2026-02-09 09:00 CET"},
		}},
		{"a swap of turns of two lines of one layer", api(
			line("base", `every = "1w", from = "2026-01-05 09:00", to = "2026-01-19 09:00", who = ["alice", "bob"]`),
			line("base", `every = "1w", from = "2026-01-19 09:00", who = ["alice", "dan"]`)) + swapOf(`turns = ["bob 2026-01-12", "dan 2026-01-26"]`), []ask{
			{"2026-01-12T08:00:00Z", "dan", "2026-01-19 09:00 CET"},
			{"2026-01-26T08:00:00Z", "bob", "2026-02-02 09:00 CET"},
		}},
		{"cover and swap do not chain", api(weekly) + swapOf(`turns = ["bob 2026-01-12", "carol 2026-01-19"]`) + coverOf("dan", "carol", "2026-01-13 09:00", "2026-01-14 09:00"), []ask{
			{"2026-01-12T08:00:00Z", "carol", "2026-01-19 09:00 CET"},
		}},
	})
}
