package lint_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"nezuban/oncall/internal/lint"
)

func TestNews(t *testing.T) {
	older := []lint.Finding{
		{Line: 3, Kind: lint.KindRest, Text: "bob has less than 11h of rest once: see the limit in line 12"},
		{Line: 7, Kind: lint.KindGap, Text: "nobody is on call for api once"},
		{Line: 9, Kind: lint.KindNoEffect, Error: true, Text: "this cover changes nothing"},
	}
	newer := []lint.Finding{
		{Line: 4, Kind: lint.KindRest, Text: "bob has less than 11h of rest once: see the limit in line 14"},   // has moved
		{Line: 4, Kind: lint.KindRest, Text: "bob has less than 11h of rest once: see the limit in line 14"},   // is there once more
		{Line: 8, Kind: lint.KindGap, Text: "nobody is on call for api 2 times"},                               // is worse
		{Line: 9, Kind: lint.KindNoEffect, Error: true, Text: "this swap changes nothing"},                     // refuses the edit elsewhere
		{Line: 11, Kind: lint.KindFewer, Text: "while bob is off, fewer are on call: only alice from then on"}, // is new
	}
	if diff := cmp.Diff([]lint.Finding{newer[1], newer[2], newer[4]}, lint.News(older, newer)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if none := lint.News(newer, newer); none != nil {
		t.Errorf("of the same: %v", none)
	}
}
