package sms

import "encoding/xml"

// Reply is the TwiML that answers a text message with another one; "" answers nothing.
// See https://www.twilio.com/docs/messaging/twiml
func Reply(text string) string {
	type message struct {
		Text string `xml:",chardata"`
	}
	answer := struct {
		XMLName xml.Name  `xml:"Response"`
		Message []message `xml:"Message"`
	}{}
	if text != "" {
		answer.Message = []message{{text}}
	}
	written, err := xml.Marshal(answer)
	if err != nil {
		return "" // these types can be written
	}
	return string(written)
}
