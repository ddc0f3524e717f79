package alertmanager

import (
	"runtime"
	"time"

	"stormdrain/server/events"
)

// config is what stands where Alertmanager's configuration does. It is one that can
// be read: Grafana takes the routes out of it, and fails over one that has none.
const config = `# This is stormdrain, which keeps what Alertmanager sends and answers as Alertmanager does.
# It routes, silences and notifies nothing; its own configuration is elsewhere.
route:
  receiver: stormdrain
receivers:
  - name: stormdrain
`

// AppendStatus appends an alertmanagerStatus. It is that of no cluster.
func AppendStatus(dst []byte, version, revision string, started time.Time) []byte {
	dst = append(dst, `{"cluster":{"peers":[],"status":"disabled"},"config":{"original":`...)
	dst = events.AppendString(dst, config)
	dst = append(dst, `},"uptime":"`...)
	dst = started.UTC().AppendFormat(dst, time.RFC3339Nano)
	dst = append(dst, `","versionInfo":{"branch":"","buildDate":"","buildUser":""`...)
	dst = events.AppendMember(dst, "goVersion", runtime.Version())
	dst = events.AppendMember(dst, "revision", revision)
	dst = events.AppendMember(dst, "version", version)
	return append(dst, "}}"...)
}
