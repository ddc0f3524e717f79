package tuning

import (
	"bufio"
	"bytes"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// hierarchies are the cgroups that this process is in, by what they limit. A
// machine may have version 1, version 2, or both side by side.
type hierarchies struct{ cpu, memory []cgroup }

// cgroup is a folder inside a mounted hierarchy. Paths have no leading slash,
// as fs.FS wants them.
type cgroup struct {
	mount string // the highest folder that can be seen
	dir   string // our own; mount, or below it
	v2    bool
}

// walk calls f for our folder and for each one above it, up to the mount.
func (g cgroup) walk(f func(dir string)) {
	for dir := g.dir; ; dir = path.Dir(dir) {
		f(dir)
		if dir == g.mount || len(dir) <= len(g.mount) {
			return
		}
	}
}

// membership is one line of /proc/self/cgroup.
type membership struct {
	controllers []string // empty: version 2
	path        string
}

// findHierarchies joins /proc/self/cgroup, which says where in a hierarchy we
// are, with /proc/self/mountinfo, which says where the hierarchy is mounted.
func findHierarchies(root fs.FS) hierarchies {
	members := readMemberships(root)
	var h hierarchies
	for line := range lines(root, "proc/self/mountinfo") {
		m, ok := parseMount(line)
		if !ok {
			continue
		}
		for _, member := range members {
			if !m.holds(member) {
				continue
			}
			g := cgroup{mount: m.point, dir: m.locate(member.path), v2: m.v2}
			if m.v2 || slices.Contains(member.controllers, "cpu") {
				h.cpu = append(h.cpu, g)
			}
			if m.v2 || slices.Contains(member.controllers, "memory") {
				h.memory = append(h.memory, g)
			}
		}
	}
	return h
}

// readMemberships reads lines such as "4:memory:/a/b" (version 1) and "0::/a/b"
// (version 2). The path may hold colons.
func readMemberships(root fs.FS) []membership {
	var members []membership
	for line := range lines(root, "proc/self/cgroup") {
		_, rest, ok := strings.Cut(line, ":")
		controllers, where, ok2 := strings.Cut(rest, ":")
		if !ok || !ok2 {
			continue
		}
		m := membership{path: where}
		if controllers != "" {
			m.controllers = strings.Split(controllers, ",")
		}
		members = append(members, m)
	}
	return members
}

// mount is one line of /proc/self/mountinfo that is a cgroup's.
type mount struct {
	root    string   // the folder of the hierarchy that is mounted
	point   string   // where, without the leading slash
	options []string // of version 1: its controllers are among them
	v2      bool
}

// parseMount reads a line such as
//
//	35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
//
// with any number of optional fields before the dash.
func parseMount(line string) (mount, bool) {
	before, after, ok := strings.Cut(line, " - ")
	left, right := strings.Fields(before), strings.Fields(after)
	if !ok || len(left) < 5 || len(right) < 3 || right[0] != "cgroup" && right[0] != "cgroup2" {
		return mount{}, false
	}
	point := strings.Trim(unescape(left[4]), "/")
	if point == "" {
		point = "."
	}
	return mount{
		root:    unescape(left[3]),
		point:   point,
		options: strings.Split(right[2], ","),
		v2:      right[0] == "cgroup2",
	}, true
}

func (m mount) holds(member membership) bool {
	if m.v2 || len(member.controllers) == 0 {
		return m.v2 && len(member.controllers) == 0
	}
	return slices.Contains(m.options, member.controllers[0])
}

// locate turns a path of the hierarchy into a folder. A container often sees
// the hierarchy from its own folder on (root), or a path outside of what it
// sees ("/../x"): then the mount itself is the nearest that we can read.
func (m mount) locate(where string) string {
	if m.root != "/" {
		rest, ok := strings.CutPrefix(where, m.root)
		if !ok || rest != "" && rest[0] != '/' {
			return m.point
		}
		where = rest
	}
	if strings.HasPrefix(where, "/..") {
		return m.point
	}
	return path.Join(m.point, where)
}

// unescape undoes the octal escapes of mountinfo: \040 is a space.
func unescape(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// lines yields the lines of a file; none when it cannot be read.
func lines(root fs.FS, name string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		b, err := fs.ReadFile(root, name)
		if err != nil {
			return
		}
		scanner := bufio.NewScanner(bytes.NewReader(b))
		scanner.Buffer(nil, len(b)+1)
		for scanner.Scan() {
			if !yield(scanner.Text()) {
				return
			}
		}
	}
}
