package influx

// Every name in line protocol that Nezuban writes or reads stands in this
// file and in fields.go, and nowhere else; Measurements says what each means.
// Names follow Telegraf 1.37.2 wherever it has a word for the thing.

// Measurements.
const (
	Docker            = "docker"
	ContainerCPU      = "docker_container_cpu"
	ContainerMem      = "docker_container_mem"
	ContainerNet      = "docker_container_net"
	ContainerBlkio    = "docker_container_blkio"
	ContainerPIDs     = "docker_container_pids"
	ContainerPressure = "docker_container_pressure"
	ContainerStatus   = "docker_container_status"
	ContainerHealth   = "docker_container_health"
	ContainerEvent    = "container_event"
	DockerEvent       = "docker_event"
	Cgroup            = "nezuban_cgroup"
	CPU               = "cpu"
	Mem               = "mem"
	Swap              = "swap"
	Disk              = "disk"
	DiskIO            = "diskio"
	Net               = "net"
	System            = "system"
	HTTPResponse      = "http_response"
	Agent             = "nezuban_agent"
	Checks            = "nezuban_checks"
	Incident          = "nezuban_incident"
)

// Tags.
const (
	TagHost             = "host"              // the machine that the agent runs on
	TagEngineHost       = "engine_host"       // the name that the Docker engine gives itself
	TagServerVersion    = "server_version"    // of the Docker engine
	TagContainerName    = "container_name"    // without the slash
	TagContainerImage   = "container_image"   // without the version
	TagContainerVersion = "container_version" // the image's tag, "unknown" without one
	TagContainerStatus  = "container_status"  // running, paused, exited, …
	TagCPU              = "cpu"               // cpu-total, cpu0, …
	TagNetwork          = "network"           // eth0, …, total
	TagDevice           = "device"            // major:minor or total for a container's block IO; a name under /dev for disk
	TagAction           = "action"            // of a container_event or a docker_event, one of the Action constants
	TagCgroup           = "cgroup"            // path below the cgroup mount, beginning with a slash
	TagInterface        = "interface"         // network interface of the host
	TagName             = "name"              // block device of the host
	TagPath             = "path"              // mount point
	TagFSType           = "fstype"            // file system of a mount
	TagMode             = "mode"              // rw or ro, of a mount
	TagServer           = "server"            // URL that a check asks
	TagMethod           = "method"            // HTTP method of a check
	TagStatusCode       = "status_code"       // of the answer to a check; absent without an answer
	TagResult           = "result"            // of a check, one of the Result constants
	TagCheck            = "check"             // name of the check
	TagLocation         = "location"          // name of the site that ran the check
	TagSeverity         = "severity"          // of an incident: page, ticket or info
	TagTeam             = "team"              // label of that name of an incident's first alert
	TagService          = "service"           // likewise
	TagRule             = "rule"              // id of the rule that speaks in an incident's first alert
)

// Values that several tags and fields have for "all of them together".
const (
	Total    = "total"     // of TagNetwork and TagDevice
	CPUTotal = "cpu-total" // of TagCPU
	Unknown  = "unknown"   // of TagContainerVersion
)

// Values of TagAction. Present is a container's state, sent for each of them
// whenever the agent connects to Docker; the others are Docker's own events.
const (
	ActionPresent      = "present"
	ActionStart        = "start"
	ActionDie          = "die"
	ActionOOM          = "oom"
	ActionHealthStatus = "health_status"
	ActionKill         = "kill"
	ActionStop         = "stop"
	ActionDestroy      = "destroy"
	ActionPause        = "pause"
	ActionUnpause      = "unpause"
	ActionRename       = "rename"
	ActionGone         = "gone" // it ran, and is there no more: how it ended nobody knows

	// Of a docker_event: what the engine did with images, and whether the agent could follow it.
	ActionPull       = "pull"
	ActionLoad       = "load"
	ActionImport     = "import"
	ActionTag        = "tag"
	ActionUntag      = "untag"
	ActionDelete     = "delete"
	ActionDaemonGone = "daemon_gone"
	ActionDaemonBack = "daemon_back"
)

// Values of FieldRestartPolicy.
const (
	RestartNo            = "no"
	RestartAlways        = "always"
	RestartOnFailure     = "on-failure"
	RestartUnlessStopped = "unless-stopped"
)

// Values of FieldState, the heartbeat of a daemon.
const (
	StateUp      = "up"      // sent every interval
	StateGoodbye = "goodbye" // sent on SIGTERM: its silence is meant
)

// Values of TagResult and FieldResultType, each with its FieldResultCode.
const (
	ResultSuccess            = "success"                       // 0
	ResultStringMismatch     = "response_string_mismatch"      // 1
	ResultBodyReadError      = "body_read_error"               // 2
	ResultConnectionFailed   = "connection_failed"             // 3
	ResultTimeout            = "timeout"                       // 4
	ResultDNSError           = "dns_error"                     // 5
	ResultStatusCodeMismatch = "response_status_code_mismatch" // 6
)
