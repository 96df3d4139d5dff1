package escalation

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"nezuban/agent/tomlfile"
	"nezuban/oncall/schedule"
)

// Contacts are the addresses of people. They stand in a file of their own, outside git:
//
//	[alice]
//	pagerduty = "PALICE1"        # user id
//	sms       = "+4915112345678" # E.164
//
// They are immutable and safe for concurrent use.
type Contacts struct {
	path      string
	addresses map[string]map[string]string // by person, then channel
}

// maxContacts bounds the file, in bytes.
const maxContacts = 1 << 20

// LoadContacts reads the contacts at path. It refuses a file that is not the running user's own or that anybody else
// may read or write, and names all mistakes in it as [tomlfile.Problems]. No error shows an address.
func LoadContacts(path string) (*Contacts, error) {
	data, err := readOwn(path)
	if err != nil {
		return nil, fmt.Errorf("read contacts %s: %w", path, err)
	}
	return parseContacts(path, data)
}

// readOwn reads a file that is its user's alone. It judges the file it has opened, not what the path names later.
func readOwn(path string) ([]byte, error) {
	in, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0) // a pipe must not block
	if err != nil {
		return nil, bare(err)
	}
	defer in.Close()
	info, err := in.Stat()
	if err != nil {
		return nil, bare(err)
	}
	if err := ownerOnly(info, os.Geteuid()); err != nil {
		return nil, err
	}
	data, err := io.ReadAll(io.LimitReader(in, maxContacts+1))
	if err != nil {
		return nil, bare(err)
	}
	if len(data) > maxContacts {
		return nil, fmt.Errorf("more than %d bytes", maxContacts)
	}
	return data, nil
}

// ownerOnly refuses what is no regular file, what is another user's, and what other users may touch.
func ownerOnly(info os.FileInfo, uid int) error {
	if !info.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok && int(stat.Uid) != uid {
		return fmt.Errorf("owned by user id %d, expected the running user, %d: chown it", stat.Uid, uid)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return fmt.Errorf("mode %04o lets other users at it: run chmod 600 on it", mode)
	}
	return nil
}

// bare takes the path out of an error that will be given it again.
func bare(err error) error {
	if pathErr, ok := errors.AsType[*os.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

// form is what an address on a channel looks like.
type form struct {
	pattern *regexp.Regexp
	example string
}

func forms() map[string]form {
	number := regexp.MustCompile(`^\+[1-9][0-9]{6,14}$`)
	return map[string]form{
		schedule.ChannelPagerDuty: {regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`), `a PagerDuty user id such as "PXPGF42"`},
		schedule.ChannelSMS:       {number, `a telephone number such as "+4915112345678"`},
		schedule.ChannelCall:      {number, `a telephone number such as "+4915112345678"`},
		schedule.ChannelEmail:     {regexp.MustCompile(`^[^\s@<>,;:"()\[\]\\]{1,64}@[A-Za-z0-9.-]{1,253}$`), `a mail address such as "alice@example.org"`},
		schedule.ChannelSlack:     {regexp.MustCompile(`^[UWCDG][A-Z0-9]{2,30}$`), `the id of a Slack member or channel such as "U024BE7LH"`},
		schedule.ChannelWebhook:   {regexp.MustCompile(`^https?://[^\s/]+(/\S*)?$`), `a URL such as "https://example.org/hook"`},
	}
}

func parseContacts(path string, data []byte) (*Contacts, error) {
	raw := map[string]map[string]any{}
	source, err := tomlfile.Decode(path, data, &raw)
	if err != nil {
		return nil, withoutAddresses(err)
	}
	known := forms()
	c := &Contacts{path: path, addresses: map[string]map[string]string{}}
	var problems tomlfile.Problems
	for _, person := range sorted(raw) {
		c.addresses[person] = map[string]string{}
		for _, channel := range sorted(raw[person]) {
			address, isText := raw[person][channel].(string)
			switch want, ok := known[channel]; {
			case !ok: // it may be an address, if it has changed places with its channel; a word in small letters is none
				shown := ""
				if word.MatchString(channel) {
					shown = channel
				}
				problems = append(problems, problem(source, "one of "+strings.Join(sorted(known), ", "), person, channel, shown))
			case !isText || !want.pattern.MatchString(address):
				problems = append(problems, problem(source, want.example, person, channel, channel))
			default:
				c.addresses[person][channel] = address
			}
		}
	}
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return c, nil
}

// word is what somebody may take for a channel.
var word = regexp.MustCompile(`^[a-z]{1,20}$`)

// problem is one at a channel of a person. What stands there is not shown; the channel is, as the file says shown.
func problem(source *tomlfile.File, expected, person, channel, shown string) tomlfile.Problem {
	var path []any
	if !likeAddress(person) {
		path = append(path, person)
		if shown != "" {
			path = append(path, shown)
		}
	}
	p := source.Problem(nil, expected, path...)
	p.Line, p.Found = source.Line(person, channel), "something else"
	return p
}

// likeAddress says that the name of a person may be an address that stands in the wrong place.
func likeAddress(name string) bool {
	digits := 0
	for _, r := range name {
		if unicode.IsDigit(r) {
			digits++
		}
	}
	return digits > 4 || strings.ContainsAny(name, "+@:/")
}

// syntaxError begins what the decoder has found where there is no TOML at all.
const syntaxError = "a syntax error"

// withoutAddresses blanks what the decoder found, and where: both may have been an address, or half of one.
func withoutAddresses(err error) error {
	var problems tomlfile.Problems
	if !errors.As(err, &problems) {
		return err
	}
	problems = slices.Clone(problems)
	for i := range problems {
		found := "something else"
		if strings.HasPrefix(problems[i].Found, syntaxError) {
			found = syntaxError
		}
		problems[i].Key, problems[i].Found = "", found
		problems[i].Expected = `TOML such as [alice] and sms = "+4915112345678" below it`
	}
	return problems
}

func sorted[V any](table map[string]V) []string {
	keys := make([]string, 0, len(table))
	for key := range table {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// Address is the address of a person on a channel; false when there is none.
func (c *Contacts) Address(person, channel string) (string, bool) {
	address, ok := c.addresses[person][channel]
	return address, ok
}

// PeopleAt are the people who have an address on a channel, sorted: whose it is that a provider speaks of.
func (c *Contacts) PeopleAt(channel, address string) []string {
	var people []string
	for _, person := range sorted(c.addresses) {
		if own, ok := c.addresses[person][channel]; ok && own == address {
			people = append(people, person)
		}
	}
	return people
}

// Check names every channel of the rotation file on which its person has no address here, so that nobody is found out
// of reach only when they are needed.
func (c *Contacts) Check(f *schedule.File) tomlfile.Problems {
	var problems tomlfile.Problems
	for _, p := range f.People() {
		var missing []string
		for _, channel := range append(slices.Clone(p.Page), p.Ticket...) {
			_, ok := c.Address(p.Name, channel.Name)
			if ok || !channel.NeedsAddress() || slices.Contains(missing, channel.Name) {
				continue
			}
			missing = append(missing, channel.Name)
			problems = append(problems, tomlfile.Problem{
				File: f.Name(), Line: p.Line, Key: "people." + p.Name,
				Found: fmt.Sprintf("channel %q", channel.Name), Expected: fmt.Sprintf("an address for it under [%s] in %s", p.Name, c.path),
			})
		}
	}
	return problems
}
