package web

import (
	"net/http"

	"nezuban/router/internal/incident"
)

// Acted is what the API answers to an action that was done: what is worth knowing of it. Fields may be added.
type Acted struct {
	TakenOverFrom string   `json:"taken_over_from,omitempty"` // who had the incident until then
	Warnings      []string `json:"warnings,omitempty"`        // what hinders nothing, such as a name that is not in the rotation file
	StillFiring   []string `json:"still_firing,omitempty"`    // what each condition says that goes on, of an incident that is resolved all the same
}

// standing is how an open incident stands; the zero value when that is not known.
func (s *site) standing(id string) incident.Incident {
	if s.Open == nil {
		return incident.Incident{}
	}
	inc, _ := s.Open(id)
	return inc
}

// takenOver says from whom somebody takes an incident.
func takenOver(before incident.Incident, by string) Acted {
	if before.State == incident.Triggered || before.AcknowledgedBy == by {
		return Acted{}
	}
	return Acted{TakenOverFrom: before.AcknowledgedBy}
}

// goingOn says what of an incident goes on that somebody resolves: it is opened again as soon as it is heard of.
func goingOn(before incident.Incident, _ string) Acted {
	var a Acted
	for _, key := range before.FiringKeys(incident.KindState) {
		a.StillFiring = append(a.StillFiring, before.Alerts[key].Summary)
	}
	return a
}

// apiDone answers what an action has come to.
func (s *site) apiDone(w http.ResponseWriter, r *http.Request, a Acted, err error) {
	if err != nil {
		s.apiFailed(w, r, err)
		return
	}
	reply(w, http.StatusOK, a)
}
