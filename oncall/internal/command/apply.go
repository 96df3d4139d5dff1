package command

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"time"

	"nezuban/oncall/internal/apply"
	"nezuban/oncall/schedule"
)

// tokenEnv holds the router's token when no file does.
const tokenEnv = "NEZUBAN_TOKEN"

// applyFlags are how the router is asked.
type applyFlags struct {
	router, tokenFile, ca, by string
	plainHTTP, json           bool
	timeout                   time.Duration
}

func (f *applyFlags) define(flags *flag.FlagSet, w World) {
	flags.StringVar(&f.router, "router", "", "")
	flags.StringVar(&f.tokenFile, "token-file", "", "")
	flags.StringVar(&f.ca, "ca", "", "")
	flags.StringVar(&f.by, "by", w.Env("USER"), "")
	flags.BoolVar(&f.plainHTTP, "plain-http", false, "")
	flags.BoolVar(&f.json, "json", false, "")
	flags.DurationVar(&f.timeout, "timeout", 30*time.Second, "")
}

// applyFile puts a rotation file in force on a router. It is judged here first: what is refused here is not sent.
func applyFile(args []string, w World) int {
	flags := flag.NewFlagSet("apply", flag.ContinueOnError)
	var given applyFlags
	given.define(flags, w)
	path, err := parse(flags, args, w)
	if err != nil {
		return exitRefused
	}
	text, err := read(path)
	if err != nil {
		fmt.Fprintln(w.Err, err)
		return exitRefused
	}
	file, err := schedule.Parse(path, text)
	if err != nil {
		fmt.Fprintln(w.Err, err)
		return exitRefused
	}
	router, err := given.open(w)
	if err != nil {
		fmt.Fprintf(w.Err, "nezuban-oncall apply: %v\n", err)
		return exitRefused
	}
	version, err := router.Apply(context.Background(), path, given.by, text)
	if refused, ok := errors.AsType[*apply.RefusedError](err); ok {
		for _, problem := range refused.Problems {
			fmt.Fprintln(w.Err, problem)
		}
		fmt.Fprintf(w.Err, "nezuban-oncall apply: the router refused %s: %v\n", path, refused)
		return exitFound
	}
	if err == nil {
		err = given.print(w, path, version, file.Zone())
	}
	if err != nil {
		fmt.Fprintf(w.Err, "nezuban-oncall apply: %v\n", err)
		return exitRefused
	}
	return exitOK
}

// open finds the token and makes what asks the router.
func (f *applyFlags) open(w World) (*apply.Router, error) {
	if f.router == "" {
		return nil, errors.New("no --router URL given")
	}
	if f.timeout <= 0 {
		return nil, fmt.Errorf("--timeout: found %s, expected a duration above 0 such as 30s", f.timeout)
	}
	token, err := f.token(w)
	if err != nil {
		return nil, err
	}
	return apply.New(apply.Options{URL: f.router, Token: token, CAFile: f.ca, PlainHTTP: f.plainHTTP, Timeout: f.timeout})
}

func (f *applyFlags) token(w World) (string, error) {
	if f.tokenFile != "" {
		return apply.ReadTokenFile(f.tokenFile)
	}
	text := w.Env(tokenEnv)
	if text == "" {
		return "", fmt.Errorf("no token: give --token-file FILE, or set %s", tokenEnv)
	}
	token, err := apply.Token(text)
	if err != nil {
		return "", fmt.Errorf("%s: %w", tokenEnv, err)
	}
	return token, nil
}

func (f *applyFlags) print(w World, path string, v apply.Version, zone *time.Location) error {
	if f.json {
		return json.NewEncoder(w.Out).Encode(v)
	}
	for _, warning := range v.Warnings {
		fmt.Fprintf(w.Err, "warning: %s\n", warning)
	}
	how := "is in force"
	if v.Already {
		how = "was in force already,"
	}
	_, err := fmt.Fprintf(w.Out, "%s: version %s %s since %s\n", path, v.Hash, how, v.Since.In(zone).Format("2006-01-02 15:04:05 MST"))
	return err
}
