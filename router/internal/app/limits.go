package app

import (
	"fmt"

	"nezuban/oncall/schedule"
)

// maxPerMinute bounds what is taken for a limit and not for a mistake.
const maxPerMinute = 100_000

// limits are those of the channels. Of PagerDuty, which asks not to make more incidents than people could, and of telephones
// a person hears each page; a chat or a mailbox takes more. Package pagerduty keeps to PagerDuty's own limits; whoever receives
// webhooks says by their answers when they want fewer.
func (l *loader) limits(cfg *Config, s settings) {
	limit := func(table, key string, written *int, normal int) int {
		if written == nil {
			return normal
		}
		if *written < 1 || *written > maxPerMinute {
			l.Wrong(*written, fmt.Sprintf("a number from 1 to %d, or nothing for %d", maxPerMinute, normal), table, key)
		}
		return *written
	}
	pages := func(channel string, written *int, normal int) {
		cfg.caps[channel] = limit(channel, "pages_per_minute", written, normal)
	}
	messages := func(channel string, written *int, normal int) {
		cfg.rates[channel] = limit(channel, "messages_per_minute", written, normal)
	}
	cfg.caps, cfg.rates = map[string]int{}, map[string]int{}
	pages(schedule.ChannelPagerDuty, s.PagerDuty.PagesPerMinute, 30)
	pages(schedule.ChannelSMS, s.SMS.PagesPerMinute, 20)
	pages(schedule.ChannelCall, s.Call.PagesPerMinute, 10)
	pages(schedule.ChannelEmail, s.Email.PagesPerMinute, 60)
	pages(schedule.ChannelSlack, s.Slack.PagesPerMinute, 60)
	pages(schedule.ChannelWebhook, s.Webhook.PagesPerMinute, 600)
	messages(schedule.ChannelSMS, s.SMS.MessagesPerMinute, 60)
	messages(schedule.ChannelCall, s.Call.MessagesPerMinute, 60)
	messages(schedule.ChannelEmail, s.Email.MessagesPerMinute, 120)
	messages(schedule.ChannelSlack, s.Slack.MessagesPerMinute, 60)
}
