package record

import (
	"encoding/json"

	"nezuban/router/internal/incident"
)

// Timeline is entries of one incident that were written as one record, in order. Earlier releases wrote a record an entry.
type Timeline []incident.Entry

// perIncident sorts the entries of a batch by incident; those of one stay in their order, and are one record.
func perIncident(entries []incident.Entry) []Timeline {
	var lists []Timeline
	at := map[string]int{}
	for len(entries) > 0 {
		id, n := entries[0].Incident, 1
		for n < len(entries) && entries[n].Incident == id {
			n++
		}
		run := entries[:n:n] // what is appended to it is copied
		entries = entries[n:]
		if i, ok := at[id]; ok {
			lists[i] = append(lists[i], run...)
		} else {
			at[id] = len(lists)
			lists = append(lists, Timeline(run))
		}
	}
	return lists
}

// UnmarshalJSON reads a list of entries, or the single entry that earlier releases wrote.
func (t *Timeline) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '[' {
		return json.Unmarshal(data, (*[]incident.Entry)(t))
	}
	var entry incident.Entry
	if err := json.Unmarshal(data, &entry); err != nil {
		return err
	}
	*t = Timeline{entry}
	return nil
}
