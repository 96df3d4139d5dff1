package influx

// containerTags are on every docker_container_* point.
func containerTags(more ...string) []string {
	return append([]string{
		TagHost, TagEngineHost, TagServerVersion, TagContainerName, TagContainerImage, TagContainerVersion, TagContainerStatus,
	}, more...)
}

// dockerMeasurements are those of Telegraf's docker plugin.
func dockerMeasurements() []Measurement {
	id := text(FieldContainerID, "full id; a field, because each new container would be a new series")
	return []Measurement{
		{
			Name: Docker, From: FromAgent, Meaning: "the Docker engine", Tags: []string{TagHost, TagEngineHost, TagServerVersion},
			Fields: join(
				gauges(UnitCount, FieldNCPUs, FieldNContainers, FieldNContainersRunning, FieldNContainersStopped, FieldNContainersPaused, FieldNImages),
				gauges(UnitBytes, FieldMemoryTotal),
				[]FieldInfo{
					integer(FieldNUsedFDs, UnitCount, "descriptors that the engine has open; absent, as the two below, when it does not say"),
					integer(FieldNGoroutines, UnitCount, "of the engine"),
					integer(FieldNListeners, UnitCount, "those who follow the engine's events, the agent among them"),
				},
			),
		},
		{
			Name: ContainerCPU, From: FromAgent, Meaning: "CPU of a container", Tags: containerTags(TagCPU),
			Fields: join(
				counters(UnitNanoseconds, FieldUsageTotal, FieldUsageInUsermode, FieldUsageInKernelmode, FieldUsageSystem, FieldThrottledTime),
				counters(UnitCount, FieldThrottlingPeriods, FieldThrottledPeriods),
				[]FieldInfo{
					float(FieldUsagePercent, UnitPercent, "since the sample before; 100 is one core"),
					float(FieldUsagePercentOfLimit, UnitPercent, "since the sample before, of the quota; absent without one"),
					id,
				},
			),
		},
		{
			Name: ContainerMem, From: FromAgent, Meaning: "memory of a container", Tags: containerTags(),
			Fields: join(
				[]FieldInfo{
					integer(FieldUsage, UnitBytes, "without inactive file cache, as the docker command shows it"),
					integer(FieldWorkingSet, UnitBytes, "the same, under cAdvisor's name"),
					integer(FieldCache, UnitBytes, "file cache: cache on v1, file on v2"),
					integer(FieldRSS, UnitBytes, "memory of processes: rss on v1, anon on v2"),
					float(FieldUsagePercent, UnitPercent, "usage of limit, or of the host's memory without one"),
					integer(FieldLimit, UnitBytes, "the host's memory when the container has none, as Telegraf has it"),
					id,
				},
				gauges(
					UnitBytes, FieldMaxUsage, FieldActiveAnon, FieldActiveFile, FieldInactiveAnon, FieldInactiveFile,
					FieldMappedFile, FieldShmem, FieldSwap, FieldUnevictable, FieldRSSHuge, FieldWriteback, FieldHierarchicalLimit,
					FieldTotalActiveAnon, FieldTotalActiveFile, FieldTotalInactiveAnon, FieldTotalInactiveFile, FieldTotalCache, FieldTotalRSS,
					FieldTotalRSSHuge, FieldTotalMappedFile, FieldTotalShmem, FieldTotalUnevictable, FieldTotalWriteback,
				),
				counters(
					UnitCount, FieldFailCount, FieldPgfault, FieldPgmajfault, FieldPgpgin, FieldPgpgout, FieldOOMKills,
					FieldTotalPgfault, FieldTotalPgmajfault, FieldTotalPgpgin, FieldTotalPgpgout,
				),
			),
		},
		{
			Name: ContainerNet, From: FromAgent, Meaning: "network of a container; absent for one in the host's network or another container's", Tags: containerTags(TagNetwork),
			Fields: join(
				counters(UnitBytes, FieldRxBytes, FieldTxBytes),
				counters(UnitCount, FieldRxPackets, FieldRxErrors, FieldRxDropped, FieldTxPackets, FieldTxErrors, FieldTxDropped),
				[]FieldInfo{id},
			),
		},
		{
			Name: ContainerBlkio, From: FromAgent, Meaning: "block IO of a container; absent where the kernel does not count it", Tags: containerTags(TagDevice),
			Fields: join(
				counters(UnitBytes, FieldIOServiceBytesRead, FieldIOServiceBytesWrite, FieldIOServiceBytesSync, FieldIOServiceBytesAsync, FieldIOServiceBytesDiscard, FieldIOServiceBytesTotal),
				counters(UnitCount, FieldIOServicedRead, FieldIOServicedWrite, FieldIOServicedSync, FieldIOServicedAsync, FieldIOServicedDiscard, FieldIOServicedTotal),
				[]FieldInfo{id},
			),
		},
		{
			Name: ContainerPIDs, From: FromAgent, Meaning: "processes and threads of a container", Tags: containerTags(),
			Fields: []FieldInfo{
				integer(FieldPIDs, UnitCount, ""),
				integer(FieldPIDsLimit, UnitCount, "absent without one"),
				id,
			},
		},
		{
			Name: ContainerPressure, From: FromAgent, Meaning: "how long a container's work stood still for want of something (PSI); absent on v1 and where the kernel does not count it",
			Tags:   containerTags(),
			Fields: join(counters(UnitMicroseconds, FieldCPUSome, FieldCPUFull, FieldMemorySome, FieldMemoryFull, FieldIOSome, FieldIOFull), []FieldInfo{id}),
		},
		{
			Name: ContainerStatus, From: FromAgent, Meaning: "state of a container, running or not", Tags: containerTags(),
			Fields: []FieldInfo{
				boolean(FieldOOMKilled, "Docker's own flag, which misses some"),
				integer(FieldPID, UnitNone, "of its first process, on the host"),
				integer(FieldExitcode, UnitNone, ""),
				integer(FieldRestartCount, UnitCount, ""),
				integer(FieldStartedAt, UnitUnixNano, ""),
				integer(FieldFinishedAt, UnitUnixNano, "absent if it never ended"),
				integer(FieldUptimeNs, UnitNanoseconds, ""),
				text(FieldNetworkMode, "whose network it has, as docker inspect says: bridge, default, none, the name of a network; host or container:ID: no figures"),
				id,
			},
		},
		{
			Name: ContainerHealth, From: FromAgent, Meaning: "health of a container that has a HEALTHCHECK", Tags: containerTags(),
			Fields: []FieldInfo{
				text(FieldHealthStatus, "starting, healthy or unhealthy"),
				integer(FieldFailingStreak, UnitCount, "failed probes in a row"),
			},
		},
	}
}

func eventMeasurement() Measurement {
	return Measurement{
		Name: ContainerEvent, From: FromAgent, Meaning: "what happened to a container, at the time of the event itself",
		Tags: []string{TagHost, TagContainerName, TagAction},
		Fields: []FieldInfo{
			text(FieldContainerID, "full id"),
			text(FieldImage, "without the version"),
			text(FieldVersion, "the image's tag"),
			text(FieldRestartPolicy, "one of the Restart constants"),
			boolean(FieldAutoRemove, "started with --rm"),
			integer(FieldExitCode, UnitNone, "of die and present"),
			boolean(FieldRequested, "of die: somebody asked for the end"),
			text(FieldSignal, "of kill: the number of what was sent; of die: of what its process ended by, absent when it ended by itself"),
			boolean(FieldOOM, "of die: it was for want of memory, as Docker or the kernel says"),
			integer(FieldLifetimeNs, UnitNanoseconds, "of die: since its start; absent when that is not known"),
			integer(FieldLastAgeNs, UnitNanoseconds, "of die: how long before it the container was sampled last; absent, and so are the others of last, when it never was"),
			integer(FieldLastMemoryUsage, UnitBytes, "of die: as the last sample had it, without the file cache that can be dropped"),
			integer(FieldLastMemoryLimit, UnitBytes, "of die: likewise; absent without a limit"),
			integer(FieldLastCPUUsage, UnitNanoseconds, "of die: likewise, since its start"),
			integer(FieldLastPIDs, UnitCount, "of die: likewise, processes and threads"),
			text(FieldHealth, "of health_status"),
			text(FieldOldName, "of rename: what its name was before"),
			text(FieldStatus, "of present: running, exited, paused, …"),
			integer(FieldStartedAt, UnitUnixNano, "of present"),
			integer(FieldFinishedAt, UnitUnixNano, "of present"),
		},
	}
}

func dockerEventMeasurement() Measurement {
	return Measurement{
		Name: DockerEvent, From: FromAgent, Meaning: "what happened to an image; and when the agent could follow the engine no longer, or again",
		Tags: []string{TagHost, TagAction},
		Fields: []FieldInfo{
			text(FieldImage, "of what is about an image: its name, or its id where it has none"),
			text(FieldVersion, "likewise: its tag"),
			text(FieldReason, "of daemon_gone: what the agent saw"),
			integer(FieldAwayNs, UnitNanoseconds, "of daemon_back: since daemon_gone"),
		},
	}
}
