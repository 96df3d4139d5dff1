package influx

// incidentMeasurement is what the router says of an incident that is over.
func incidentMeasurement() Measurement {
	return Measurement{
		Name: Incident, From: FromRouter, Meaning: "an incident that is over, in the second in which it was resolved",
		Tags: []string{TagSeverity, TagTeam, TagService, TagRule},
		Fields: []FieldInfo{
			text(FieldID, "the incident's id"),
			text(FieldSummary, "of its first alert"),
			integer(FieldOpenedAt, UnitUnixNano, ""),
			integer(FieldAcknowledgedAt, UnitUnixNano, "when somebody first had it; absent when nobody ever did"),
			text(FieldAcknowledgedBy, "who first had it; absent when nobody ever did"),
			integer(FieldResolvedAt, UnitUnixNano, ""),
			text(FieldResolvedBy, "who said that it is over; absent when its alerts themselves did"),
			float(FieldTTD, UnitSeconds, "time to detect: from its earliest alert to its opening"),
			float(FieldTTA, UnitSeconds, "time to acknowledge: from its opening to acknowledged_at; absent when nobody ever had it"),
			float(FieldTTR, UnitSeconds, "time to resolve: from its opening to resolved_at"),
			integer(FieldAlerts, UnitCount, "dedup keys in it and in its parts"),
			integer(FieldPages, UnitCount, "messages that asked somebody to look and that a provider took"),
			integer(FieldPeople, UnitCount, "different people whom these messages asked, also those for whom another incident's message spoke"),
			boolean(FieldUnpaged, "nobody was to be told: it was suppressed all along, or is a part of another"),
			boolean(FieldFlapping, "it came and went too often, and was held open for that"),
			text(FieldPartOf, "id of the incident that it is a part of; absent when it is none"),
		},
	}
}
