package check

import (
	"time"

	"nezuban/agent/influx"
)

// Outcome is what became of one request, in Telegraf's words.
type Outcome string

// The outcomes. Everything but Success is a failure of the check.
const (
	Success          Outcome = influx.ResultSuccess
	BodyReadError    Outcome = influx.ResultBodyReadError      // a response, but its body broke off or was too slow
	ConnectionFailed Outcome = influx.ResultConnectionFailed   // refused, reset, unreachable, TLS, or not HTTP
	Timeout          Outcome = influx.ResultTimeout            // no response in time
	DNSError         Outcome = influx.ResultDNSError           // the host's name has no address, or the resolver none to give
	StatusMismatch   Outcome = influx.ResultStatusCodeMismatch // a response with a status that the check does not take for up
)

// code is the number that Telegraf writes beside the outcome; foreign outcomes have none.
func (o Outcome) code() (n int64, ok bool) {
	switch o {
	case Success:
		return 0, true
	case BodyReadError:
		return 2, true
	case ConnectionFailed:
		return 3, true
	case Timeout:
		return 4, true
	case DNSError:
		return 5, true
	case StatusMismatch:
		return 6, true
	}
	return 0, false
}

// Result is what one location saw of one check at one time.
type Result struct {
	Check    string    // name of the check
	Location string    // name of the location
	URL      string    // as requested
	Method   string    // as requested
	Time     time.Time // when the request started
	Outcome  Outcome

	StatusCode   int           // of the response; 0: there was none
	StatusMatch  bool          // whether the check takes StatusCode for up
	ResponseTime time.Duration // from the start to the end of the response's header; 0 without a response
	BodyBytes    int64         // of the body, as far as it was read
	Phases       Phases

	// Sick says that the location itself failed, before anything was learned about the target: its resolver did not
	// answer, it has no network, or no room for one more connection.
	Sick  bool
	Error string // why it failed: one short line; empty for a success
}

// Phases are the parts of a request in their order. One that was not gone through is zero.
type Phases struct {
	DNS       time.Duration // looking up the host's addresses
	Connect   time.Duration // TCP, all addresses that were tried
	TLS       time.Duration // handshake
	FirstByte time.Duration // from the open connection to the first byte of the response
	Transfer  time.Duration // from there to the end of the body, or to the limit up to which it is read
}

// OK reports whether the result is a success.
func (r Result) OK() bool { return r.Outcome == Success }
