package incident

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// MessageKind says what a message tells its receiver.
type MessageKind string

// The kinds of message.
const (
	MessageTrigger     MessageKind = "trigger"     // there is a problem and you are asked to look
	MessageUpdate      MessageKind = "update"      // more belongs to it
	MessageAcknowledge MessageKind = "acknowledge" // somebody has taken it
	MessageResolve     MessageKind = "resolve"     // it is over
)

// RowStatus is where one outbox row stands.
type RowStatus string

// Where a row can stand.
const (
	RowPending   RowStatus = "pending"   // to be sent, at NotBefore at the earliest
	RowSending   RowStatus = "sending"   // an attempt is under way, or was when the router died: its outcome is unknown
	RowSent      RowStatus = "sent"      // the provider took it
	RowFailed    RowStatus = "failed"    // the provider refused it for good
	RowMerged    RowStatus = "merged"    // another message speaks for it: that of Into
	RowCancelled RowStatus = "cancelled" // overtaken by an acknowledgement, a resolve or a later step; Reason says which
)

// Row is one message that must go out: it is stored in the same transaction as the change that asks for it, and
// stays until its incident is closed.
type Row struct {
	Version    int         `json:"version"`
	Incident   string      `json:"incident"`
	Seq        int         `json:"seq"` // 0, 1, 2 … within the incident
	Kind       MessageKind `json:"kind"`
	Channel    string      `json:"channel"` // pagerduty, sms, terminal
	People     []string    `json:"people"`  // several only where the channel holds them in one message (pagerduty)
	Pass       int         `json:"pass"`
	Step       int         `json:"step"`
	Why        string      `json:"why"` // why this goes to these people
	NotBefore  time.Time   `json:"not_before"`
	Status     RowStatus   `json:"status"`
	Attempt    int         `json:"attempt"`               // attempts begun
	FirstTry   time.Time   `json:"first_try,omitzero"`    // when the first attempt began; zero also in rows of older releases
	Began      time.Time   `json:"began,omitzero"`        // when the latest attempt began; zero also in rows of older releases
	Repeat     bool        `json:"repeat,omitempty"`      // an earlier attempt may have arrived
	Summary    bool        `json:"summary,omitempty"`     // it speaks for others too, which were merged into it
	Others     int         `json:"others,omitempty"`      // how many other incidents it named when it was sent; of a resolve, that are over too
	Into       string      `json:"into,omitempty"`        // page id of the message that it was merged into
	Hurried    bool        `json:"hurried,omitempty"`     // its failing has already called the next step
	Held       bool        `json:"held,omitempty"`        // a restore brought it back unsent: it stays so
	ProviderID string      `json:"provider_id,omitempty"` // the provider's name for what was sent
	Reason     string      `json:"reason,omitempty"`      // of the last failed attempt, or of the cancelling
	Created    time.Time   `json:"created"`
}

// RowKey names a row.
type RowKey struct {
	Incident string
	Seq      int
}

// Key is the row's name.
func (r Row) Key() RowKey { return RowKey{r.Incident, r.Seq} }

// PageID names a row to the outside: the incident, a dash and the row's number.
func (k RowKey) PageID() string { return fmt.Sprintf("%s-%d", k.Incident, k.Seq) }

// PageID is that of the row's key.
func (r Row) PageID() string { return r.Key().PageID() }

// ParsePageID reads what [RowKey.PageID] writes; false for anything else.
func ParsePageID(text string) (RowKey, bool) {
	at := strings.LastIndexByte(text, '-')
	if at < 0 {
		return RowKey{}, false
	}
	seq, err := strconv.Atoi(text[at+1:])
	key := RowKey{text[:at], seq}
	return key, err == nil && key.PageID() == text
}

// Done says that nothing more happens to the row.
func (r Row) Done() bool {
	return r.Status == RowSent || r.Status == RowFailed || r.Status == RowCancelled || r.Status == RowMerged
}

// Destination is what a row's place in line is counted by: rows of one incident and destination go strictly in
// order. PagerDuty holds one incident for one of ours whoever is assigned, so all its rows share a line.
func (r Row) Destination() string {
	if r.Channel == ChannelPagerDuty {
		return r.Incident + "|" + r.Channel
	}
	return r.Incident + "|" + r.Channel + "|" + strings.Join(r.People, ",")
}

// mayHaveArrived says that the receiver has, or may have, seen the message. A row that was tried and then cancelled
// counts: an attempt whose answer was lost may well have arrived. So does a refused one that left something behind at the
// provider, or was tried before without a clear answer.
func (r Row) mayHaveArrived() bool {
	return r.Attempt > 0 && (r.Status != RowFailed || r.ProviderID != "" || r.Repeat)
}

// ChannelPagerDuty is the one channel whose messages concern a whole incident rather than one person.
const ChannelPagerDuty = "pagerduty"

// reaching says that the message has arrived, or may yet do so at once: it has not failed so far. One that is on its way
// for the first time counts; should it fail, its own end looks for the next channel.
func (r Row) reaching() bool {
	switch r.Status {
	case RowSent, RowMerged: // should the other message fail, its end looks for the next channel
		return true
	case RowPending:
		return r.Attempt == 0
	case RowSending:
		return r.Attempt == 1
	case RowFailed, RowCancelled:
	}
	return false
}
