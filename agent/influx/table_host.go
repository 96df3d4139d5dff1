package influx

import "github.com/influxdata/line-protocol/v2/lineprotocol"

func cgroupMeasurement() Measurement {
	return Measurement{
		Name: Cgroup, From: FromAgent, Meaning: "a control group that is no named Docker container", Tags: []string{TagHost, TagCgroup},
		Fields: join(
			counters(UnitNanoseconds, FieldCPUUsageNs, FieldCPUUserNs, FieldCPUSystemNs, FieldCPUThrottledNs),
			gauges(UnitBytes, FieldMemoryUsageBytes, FieldMemoryWorkingBytes, FieldMemoryRSSBytes, FieldMemoryCacheBytes, FieldMemoryLimitBytes),
			counters(UnitBytes, FieldIOReadBytes, FieldIOWriteBytes),
			gauges(UnitCount, FieldProcesses),
		),
	}
}

// hostMeasurements are those of Telegraf's system plugins.
func hostMeasurements() []Measurement {
	return []Measurement{
		{
			Name: CPU, From: FromAgent, Meaning: "CPU of the host, in parts of the time since the sample before", Tags: []string{TagHost, TagCPU},
			Fields: percents(
				FieldUsageActive, FieldUsageUser, FieldUsageSystem, FieldUsageNice, FieldUsageIdle, FieldUsageIowait,
				FieldUsageIrq, FieldUsageSoftirq, FieldUsageSteal, FieldUsageGuest, FieldUsageGuestNice,
			),
		},
		{
			Name: Mem, From: FromAgent, Meaning: "memory of the host", Tags: []string{TagHost},
			Fields: join(
				gauges(
					UnitBytes, FieldTotal, FieldAvailable, FieldUsed, FieldFree, FieldCached, FieldBuffered, FieldActive, FieldInactive,
					FieldDirty, FieldWriteBack, FieldWriteBackTmp, FieldMapped, FieldShared, FieldSlab, FieldSreclaimable, FieldSunreclaim,
					FieldPageTables, FieldCommitLimit, FieldCommittedAS, FieldVmallocTotal, FieldVmallocUsed, FieldHugePageSize,
					FieldHighTotal, FieldHighFree, FieldLowTotal, FieldLowFree, FieldSwapTotal, FieldSwapFree, FieldSwapCached,
				),
				gauges(UnitCount, FieldHugePagesTotal, FieldHugePagesFree),
				percents(FieldUsedPercent, FieldAvailablePercent),
			),
		},
		{
			Name: Swap, From: FromAgent, Meaning: "swap of the host", Tags: []string{TagHost},
			Fields: join(
				gauges(UnitBytes, FieldTotal, FieldUsed, FieldFree),
				[]FieldInfo{float(FieldUsedPercent, UnitPercent, "absent on a host without swap")},
				counters(UnitBytes, FieldIn, FieldOut),
			),
		},
		{
			Name: Disk, From: FromAgent, Meaning: "a mounted file system; absent while it does not answer", Tags: []string{TagHost, TagPath, TagDevice, TagFSType, TagMode},
			Fields: join(
				gauges(UnitBytes, FieldTotal, FieldFree, FieldUsed),
				gauges(UnitCount, FieldInodesTotal, FieldInodesFree, FieldInodesUsed),
				percents(FieldUsedPercent, FieldInodesUsedPercent),
			),
		},
		{
			Name: DiskIO, From: FromAgent, Meaning: "a block device", Tags: []string{TagHost, TagName},
			Fields: join(
				counters(UnitCount, FieldReads, FieldWrites, FieldMergedReads, FieldMergedWrites),
				counters(UnitBytes, FieldReadBytes, FieldWriteBytes),
				counters(UnitMilliseconds, FieldReadTime, FieldWriteTime, FieldIOTime, FieldWeightedIOTime),
				gauges(UnitCount, FieldIopsInProgress),
			),
		},
		{
			Name: Net, From: FromAgent, Meaning: "a network interface of the host", Tags: []string{TagHost, TagInterface},
			Fields: join(
				counters(UnitBytes, FieldBytesSent, FieldBytesRecv),
				counters(UnitCount, FieldPacketsSent, FieldPacketsRecv, FieldErrIn, FieldErrOut, FieldDropIn, FieldDropOut),
			),
		},
		{
			Name: System, From: FromAgent, Meaning: "the host as a whole", Tags: []string{TagHost},
			Fields: []FieldInfo{
				float(FieldLoad1, UnitCount, "runnable processes over 1 min"),
				float(FieldLoad5, UnitCount, "over 5 min"),
				float(FieldLoad15, UnitCount, "over 15 min"),
				integer(FieldNCPUs, UnitCount, ""),
				integer(FieldUptime, UnitSeconds, ""),
			},
		},
	}
}

// ownMeasurements are what our own daemons say of themselves and of checks.
func ownMeasurements() []Measurement {
	state := text(FieldState, `"up" every interval, "goodbye" on SIGTERM`)
	self := []FieldInfo{
		state,
		float(FieldUptimeSeconds, UnitSeconds, ""),
		{Name: FieldCPUSeconds, Kind: lineprotocol.Float, Unit: UnitSeconds, Cumulative: true, Meaning: "user and system time of the daemon"},
		integer(FieldRSSBytes, UnitBytes, "resident memory of the daemon"),
	}
	return []Measurement{
		{
			Name: Agent, From: FromAgent, Meaning: "heartbeat of an agent", Tags: []string{TagHost},
			Fields: join(self, []FieldInfo{
				integer(FieldContainers, UnitCount, "that it samples"),
				float(FieldSampleSeconds, UnitSeconds, "that the last round of samples took"),
				integer(FieldOpenFiles, UnitCount, "the kernel's files that it holds open"),
				integer(FieldOpenFilesLimit, UnitCount, "that it may hold open; those beyond are opened for each sample"),
				integer(FieldLabelsDropped, UnitCount, "containers since the start whose label is no tag, because it has too many values already, or is too long"),
				integer(FieldTicksSkipped, UnitCount, "ticks since the start that were left out, because the one before took too long or the clock was put forward"),
				integer(FieldFallbacks, UnitCount, "containers since the start that cAdvisor's handler read, as it says something else than our own reader"),
				integer(FieldDropped, UnitCount, "points lost since the start"),
				integer(FieldSpoolBytes, UnitBytes, "that wait for outputs, on disk and in memory"),
				float(FieldSpoolOldestSeconds, UnitSeconds, "since the oldest of them on disk was written; absent when none waits"),
				boolean(FieldDockerUp, "whether it is connected to Docker"),
				integer(FieldMountsHung, UnitCount, "mounted file systems that do not answer"),
			}),
		},
		{
			Name: Checks, From: FromChecks, Meaning: "heartbeat of a check location", Tags: []string{TagLocation},
			Fields: join(self, []FieldInfo{
				integer(FieldChecks, UnitCount, "that it runs"),
				integer(FieldDropped, UnitCount, "points lost since the start"),
			}),
		},
		{
			Name: HTTPResponse, From: FromChecks, Meaning: "one run of a check, as Telegraf's plugin of that name",
			Tags: []string{TagServer, TagMethod, TagStatusCode, TagResult, TagCheck, TagLocation},
			Fields: []FieldInfo{
				float(FieldResponseTime, UnitSeconds, "absent without an answer"),
				integer(FieldContentLength, UnitBytes, "absent without an answer"),
				integer(FieldHTTPResponseCode, UnitNone, "absent without an answer"),
				integer(FieldResponseStatusCodeMatch, UnitNone, "1 when the status is one that the check expects, else 0"),
				text(FieldResultType, "one of the Result constants"),
				integer(FieldResultCode, UnitNone, "0 for success, else which failure"),
				text(FieldError, "why it failed, in the probe's words"),
				float(FieldDNSTime, UnitSeconds, "to resolve the name; each phase is absent when not gone through"),
				float(FieldConnectTime, UnitSeconds, "to open the connection"),
				float(FieldTLSTime, UnitSeconds, "of the TLS handshake"),
				float(FieldFirstByteTime, UnitSeconds, "from the request to the answer's first byte"),
				float(FieldTransferTime, UnitSeconds, "to read the body"),
				boolean(FieldLocationSick, "true when the fault is the location's own; absent otherwise"),
			},
		},
	}
}
