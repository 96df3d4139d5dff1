// Package dashboards holds Grafana dashboards, their provisioning files, and
// the test that runs every query of them against a real InfluxDB that a real
// agent has filled.
//
// Nothing imports it. The queries are InfluxQL: InfluxDB 1.8 answers it without
// a setting (Flux is off there by default), 2.x through its 1.x API, and it
// is what dashboards for Telegraf's names are written in.
package dashboards
