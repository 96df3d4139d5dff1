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
	for _, entry := range entries {
		i, ok := at[entry.Incident]
		if !ok {
			i = len(lists)
			at[entry.Incident] = i
			lists = append(lists, nil)
		}
		lists[i] = append(lists[i], entry)
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
