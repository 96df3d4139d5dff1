package sim

// meeting is something that a run may come across. Runs that never do would show nothing about it: they fail.
type meeting string

const (
	joins         meeting = "joined to an open incident of its group"
	parts         meeting = "kept as a part of a full incident"
	updates       meeting = "told as an update"
	reopens       meeting = "opened again"
	reopensHad    meeting = "opened again for whoever had it"
	retriggers    meeting = "triggered again because it went on"
	flaps         meeting = "held open because it flaps"
	quietEnds     meeting = "resolved because it had been quiet"
	hidden        meeting = "suppressed by a host that is gone"
	silenced      meeting = "suppressed by a silence"
	maintained    meeting = "suppressed by a maintenance window"
	released      meeting = "paged once what suppressed it was over"
	dropped       meeting = "dropped because it happened while suppressed"
	silencesEnded meeting = "freed by the end of a silence before its time"
	silencesKept  meeting = "silenced by a silence from before a crash"
	merges        meeting = "merged into another page by the storm guard"
	summaries     meeting = "told by a page that speaks for others"
	snoozesEnd    meeting = "triggered again at the end of a snooze"
	timeouts      meeting = "triggered again because an acknowledgement ran out"
	reassigned    meeting = "given to somebody else"
	rises         meeting = "raised in severity"
	fallbacks     meeting = "told to the fallback"
	repeats       meeting = "sent again as a repeat"
	handoffs      meeting = "under way while another rotation file came in force"
	deposed       meeting = "decided by a router that did not know that another one leads"
	fenced        meeting = "refused by the fence"
	answersLost   meeting = "asked for, with the answer lost"
	answersTwice  meeting = "sent by a sender again although it was taken"
	forwards      meeting = "under way while the clock was put forward"
	backwards     meeting = "under way while the clock was put back"
	storeTroubles meeting = "decided while the store was in trouble"
	liesTold      meeting = "never delivered though the provider said so"
	crashesAt     meeting = "cut off by a crash: " // and its moment
)

// meetings are all of them.
var meetings = []meeting{
	joins, parts, updates, reopens, reopensHad, retriggers, flaps, quietEnds, hidden, silenced, maintained, released, dropped,
	silencesEnded, silencesKept, merges, summaries, snoozesEnd, timeouts, reassigned, rises, fallbacks, repeats, handoffs, deposed,
	fenced, answersLost, answersTwice, forwards, backwards, storeTroubles, liesTold,
	crashesAt + meeting(beforeTxn), crashesAt + meeting(afterTxn), crashesAt + meeting(beforeTry), crashesAt + meeting(afterAccept),
	crashesAt + meeting(anyTime), crashesAt + meeting(whileRecovering),
}

// enoughSeeds is how many runs are sure to come across everything.
const enoughSeeds = 100

// meets counts. The caller holds mu.
func (o *oracle) meets(what meeting) { o.met[what]++ }

// meet counts.
func (o *oracle) meet(what meeting) {
	defer o.lock()()
	o.meets(what)
}
