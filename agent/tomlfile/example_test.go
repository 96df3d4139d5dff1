package tomlfile_test

import (
	"fmt"

	"nezuban/agent/tomlfile"
)

// A loader decodes over its defaults, then looks for mistakes of meaning, and
// reports all of them together.
func ExampleDecode() {
	type rule struct {
		ID  string            `toml:"id"`
		For tomlfile.Duration `toml:"for"`
	}
	var config struct {
		Rules []rule `toml:"rule"`
	}
	text := `
[[rule]]
id = "disk-full"
for = "5"

[[rule]]
for = "5m"
sevrity = "page"
`
	file, err := tomlfile.Decode("router.toml", []byte(text), &config)
	if err != nil {
		fmt.Println(err)
	}
	for i, r := range config.Rules {
		if r.ID == "" {
			fmt.Println(file.Problem(nil, "an id", "rule", i, "id"))
		}
	}
	// Output:
	// router.toml:4: rule[0].for: found "5", expected a duration like "90s", "5m" or "1h30m"
	// router.toml:8: rule[1].sevrity: found unknown key "sevrity", expected one of id, for
	// router.toml:6: rule[1].id: found nothing, expected an id
}

func ExampleDuration() {
	var d tomlfile.Duration
	fmt.Println(d.UnmarshalText([]byte("90s")), d)
	// Output: <nil> 1m30s
}
