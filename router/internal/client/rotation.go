package client

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"
	"time"

	"nezuban/router/internal/web"
)

// Who is who is on call at one time, by the version of the rotation file then in force.
type Who struct {
	Version web.Version
	Answers []json.RawMessage // one for each schedule
	Lines   []string          // the same for people
}

// Who asks who is on call at a time, written as people write it, or now when it is ""; for one schedule, or all when it is
// "". It needs a read token.
func (c *Client) Who(ctx context.Context, at, schedule string) (Who, error) {
	query := url.Values{}
	for key, value := range map[string]string{"at": at, "schedule": schedule} {
		if value != "" {
			query.Set(key, value)
		}
	}
	var reply Who
	if err := c.do(ctx, http.MethodGet, "/api/v1/who?"+query.Encode(), nil, &reply); err != nil {
		return Who{}, fmt.Errorf("ask who is on call: %w", err)
	}
	return reply, nil
}

// Rotations lists the versions of the rotation file, the one in force first. It needs a read token.
func (c *Client) Rotations(ctx context.Context) ([]web.Version, error) {
	var reply struct{ Versions []web.Version }
	if err := c.do(ctx, http.MethodGet, "/api/v1/rotations", nil, &reply); err != nil {
		return nil, fmt.Errorf("list versions of the rotation file: %w", err)
	}
	return reply.Versions, nil
}

// WriteWho writes an answer for people; the version's times are in zone.
func WriteWho(w io.Writer, who Who, zone *time.Location) error {
	for _, line := range who.Lines {
		if _, err := fmt.Fprintln(w, printable(line)); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "by version %s of %s, in force since %s\n", short(who.Version.Hash), printable(who.Version.Name), since(who.Version, zone))
	return err
}

// WriteWhoJSON writes an answer for other programs: one object a line.
func WriteWhoJSON(w io.Writer, who Who) error {
	enc := json.NewEncoder(w)
	for _, answer := range who.Answers {
		if err := enc.Encode(answer); err != nil {
			return err
		}
	}
	return nil
}

// WriteVersions writes one line for each version, for people; times are in zone.
func WriteVersions(w io.Writer, versions []web.Version, zone *time.Location) error {
	if len(versions) == 0 {
		_, err := fmt.Fprintln(w, "no versions")
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "SINCE\tVERSION\tBY\tFILE")
	for _, v := range versions {
		by := v.By
		if by == "" {
			by = "(the router's disk)"
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", since(v, zone), short(v.Hash), printable(by), printable(v.Name))
	}
	return table.Flush()
}

// WriteVersionsJSON writes the versions as one JSON array, for other programs.
func WriteVersionsJSON(w io.Writer, versions []web.Version) error {
	if versions == nil {
		versions = []web.Version{}
	}
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(versions)
}

func since(v web.Version, zone *time.Location) string {
	return v.Since.In(zone).Format("2006-01-02 15:04:05 MST")
}

// short is enough of a hash for people to tell versions apart.
func short(hash string) string { return printable(hash[:min(12, len(hash))]) }
