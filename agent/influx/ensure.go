package influx

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	influxdb2 "github.com/influxdata/influxdb-client-go/v2"
	"github.com/influxdata/influxdb-client-go/v2/domain"
)

// maxAnswer bounds how much of a server's answer is read, in bytes.
const maxAnswer = 1 << 20

// Ensure checks that an output's InfluxDB is healthy and has its bucket, and
// makes the bucket if not: by the buckets API, or, for an output without an
// organization, by the CREATE DATABASE of 1.x, which has no such API.
// With several URLs it is content with the first that succeeds.
//
// A Writer does the same by itself when a write finds no database; Ensure is for
// those who want to know at once.
func Ensure(ctx context.Context, o Output) error {
	if len(o.URLs) == 0 {
		return fmt.Errorf("output %q has no URL", o.Name)
	}
	var errs []error
	for _, url := range o.URLs {
		err := o.once(url, func(client influxdb2.Client) error { return ensure(ctx, client, o) })
		if err == nil {
			return nil
		}
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func ensure(ctx context.Context, client influxdb2.Client, o Output) (err error) {
	defer func() { // the client's generated code trusts that an error answer has a message
		if value := recover(); value != nil {
			err = fmt.Errorf("answer of %s: found no message in its error (%v)", client.ServerURL(), value)
		}
	}()
	health, err := client.Health(ctx)
	if err != nil {
		return fmt.Errorf("health of %s: %w", client.ServerURL(), err)
	}
	if health.Status != domain.HealthCheckStatusPass {
		return fmt.Errorf("health of %s: found %q, expected %q", client.ServerURL(), health.Status, domain.HealthCheckStatusPass)
	}
	if o.Org == "" { // as Output has it; the version is no help, a build from source does not know its own
		err = createDatabase(ctx, client, o.Bucket)
	} else {
		err = createBucket(ctx, client, o)
	}
	if err != nil {
		return fmt.Errorf("make %q at %s: %w", o.Bucket, client.ServerURL(), err)
	}
	return nil
}

// createDatabase does nothing when the database is there. A retention policy
// that is named but missing is made with its database only; if the database
// has others, InfluxDB says so.
func createDatabase(ctx context.Context, client influxdb2.Client, bucket string) error {
	database, policy, named := strings.Cut(bucket, "/")
	query := "CREATE DATABASE " + identifier(database)
	if named {
		query += " WITH NAME " + identifier(policy)
	}
	var answer struct {
		Results []struct{ Error string }
	}
	address := strings.TrimSuffix(client.ServerURL(), "/") + "/query"
	form := strings.NewReader(url.Values{"q": {query}}.Encode())
	failed := client.HTTPService().DoPostRequest(ctx, address, form,
		func(r *http.Request) { r.Header.Set("Content-Type", "application/x-www-form-urlencoded") },
		func(r *http.Response) error {
			defer r.Body.Close()
			return json.NewDecoder(io.LimitReader(r.Body, maxAnswer)).Decode(&answer)
		})
	if failed != nil {
		return failed
	}
	for _, result := range answer.Results {
		if result.Error != "" {
			return errors.New(result.Error)
		}
	}
	return nil
}

// identifier quotes a name of InfluxQL.
func identifier(name string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(name) + `"`
}

// createBucket does nothing when the bucket is there; a new one keeps data for ever.
func createBucket(ctx context.Context, client influxdb2.Client, o Output) error {
	found, err := client.APIClient().GetBuckets(ctx, &domain.GetBucketsParams{Name: &o.Bucket, Org: &o.Org})
	if err == nil && found.Buckets != nil && len(*found.Buckets) > 0 {
		return nil
	}
	org, orgErr := client.OrganizationsAPI().FindOrganizationByName(ctx, o.Org)
	if orgErr != nil {
		return errors.Join(err, orgErr)
	}
	_, err = client.BucketsAPI().CreateBucketWithName(ctx, org, o.Bucket)
	return err
}
