-- A storm of alerts for wrk: bodies as Alertmanager 0.34 sends them, ALERTS
-- alerts of some 940 bytes each. No two requests of a run are the same.
--
--   ALERTS  alerts in a request; 1, 10 (default), 100 or 1000; not for mix
--   MODE    storm (default): 2 000 label sets again and again, as they fire on;
--           hard: every label set and every annotation is new; mix:
--           from 1 to 100 alerts a request, of ten alerts seven are known, two
--           have new annotations and one has a new label set
--   RUN     a number from 0 to 86 399 that makes this run differ from the one
--           before it, on the same server; default 0
--
--   ALERTS=10 wrk -t1 -c64 -d5s --latency -s storm.lua http://127.0.0.1:9567/webhook/bench
--
-- What can be is built before the first request: whole requests in memory, and
-- where in them the number of the request goes. A request is then one of them
-- with its number written over the last one's.

local ffi = require("ffi")

local alerts = tonumber(os.getenv("ALERTS") or "10")
local mode = os.getenv("MODE") or "storm"
local run = tonumber(os.getenv("RUN") or "0")

local label_sets = 2000
local counter = "#######" -- stands for seven digits that are filled in per request

local rules = {
	{
		name = "KubePodNotReady", severity = "warning",
		text = "has been in a non-ready state for longer than 15 minutes, %s %% of its probes failed",
		summary = "Pod has been in a non-ready state for more than 15 minutes.",
		expr = "sum+by+%28namespace%2C+pod%2C+cluster%29+%28kube_pod_status_phase%7Bphase%3D~%22Pending%7CUnknown%7CFailed%22%7D+%2A+on+%28namespace%2C+pod%29+kube_pod_owner%29+%3E+0",
	},
	{
		name = "CPUThrottlingHigh", severity = "info",
		text = "is throttled in %s %% of its CPU periods, which makes its requests slow",
		summary = "Processes experience elevated CPU throttling.",
		expr = "sum+by+%28cluster%2C+container%2C+pod%29+%28increase%28container_cpu_cfs_throttled_periods_total%5B5m%5D%29%29+%2F+sum+by+%28cluster%2C+container%2C+pod%29+%28increase%28container_cpu_cfs_periods_total%5B5m%5D%29%29+%3E+0.25",
	},
	{
		name = "KubePodMemoryHigh", severity = "critical",
		text = "uses %s %% of the memory that it may use and will be killed when it needs more",
		summary = "Pod is about to be killed for the memory that it uses.",
		expr = "max+by+%28cluster%2C+pod%2C+container%29+%28container_memory_working_set_bytes%7Bcontainer%21%3D%22%22%2Cimage%21%3D%22%22%7D%29+%2F+max+by+%28cluster%2C+pod%2C+container%29+%28kube_pod_container_resource_limits%29+%3E+0.9",
	},
}

local namespaces = { "payments", "checkout", "search", "ingest", "identity", "catalog", "billing", "media" }
local apps = { "api", "cache", "indexer", "worker", "gateway", "scheduler", "frontend", "router" }

local function runbook(rule)
	return "https://runbooks.prometheus-operator.dev/runbooks/kubernetes/" .. rule.name:lower()
end

-- Alerts of a group share rule and namespace, up to 100 of them.
local function place(set)
	return rules[math.floor(set / 200) % #rules + 1], namespaces[math.floor(set / 100) % #namespaces + 1]
end

local function alert(rule, namespace, pod, number, started, fingerprint)
	return table.concat({
		'{"status":"firing","labels":{"alertname":"', rule.name, '","cluster":"prod-eu-1","namespace":"', namespace,
		'","pod":"', pod, '","prometheus":"monitoring/k8s","severity":"', rule.severity,
		'"},"annotations":{"description":"Pod ', namespace, "/", pod, " ", rule.text:format(number), " on cluster prod-eu-1.",
		'","runbook_url":"', runbook(rule), '","summary":"', rule.summary,
		'"},"startsAt":"', started, '","endsAt":"0001-01-01T00:00:00Z",',
		'"generatorURL":"https://prometheus.monitoring.example.com/graph?g0.expr=', rule.expr,
		'\\u0026g0.tab=1","fingerprint":"', fingerprint, '"}',
	})
end

local function body(rule, namespace, list, left_out)
	return table.concat({
		'{"receiver":"stormdrain","status":"firing","alerts":[', table.concat(list, ","),
		'],"notification_reason":"new alerts in group","groupLabels":{"alertname":"', rule.name, '","namespace":"', namespace,
		'"},"commonLabels":{"alertname":"', rule.name, '","cluster":"prod-eu-1","namespace":"', namespace,
		'","prometheus":"monitoring/k8s","severity":"', rule.severity,
		'"},"commonAnnotations":{"runbook_url":"', runbook(rule), '","summary":"', rule.summary,
		'"},"routeLabels":{},"externalURL":"http://alertmanager-main.monitoring:9093","version":"4","groupKey":"{}:{alertname=\\"',
		rule.name, '\\", namespace=\\"', namespace, '\\"}","truncatedAlerts":', left_out or "0", "}\n",
	})
end

-- The whole request, with the counter's place still empty.
local function format(text)
	local headers = { Host = wrk.headers["Host"], ["Content-Type"] = "application/json", ["User-Agent"] = "Alertmanager/0.34.2" }
	return wrk.format("POST", wrk.path, headers, text)
end

-- A request and the places of the counter in it, which fill writes to: into the
-- string itself, as wrk copies what it gets at once, and a new string of a
-- megabyte would cost more than the sending. LuaJIT looks at a string's bytes
-- only when it makes another one, and the table keeps this one alive.
local function template(text)
	local places, from = {}, 1
	while true do
		local first, last = text:find(counter, from, true)
		if not first then break end
		places[#places + 1] = first - 1
		from = last + 1
	end
	local t = { text = text, places = ffi.new("int32_t[?]", #places), count = #places }
	t.bytes = ffi.cast("uint8_t *", ffi.cast("const char *", text))
	for i, place in ipairs(places) do t.places[i - 1] = place end
	return t
end

local width = #counter
local digits = ffi.new("uint8_t[?]", width)

-- Returns the request of t with the number n in it.
local function fill(t, n)
	for i = width - 1, 0, -1 do
		local digit = n % 10
		digits[i] = 48 + digit
		n = (n - digit) / 10
	end
	local bytes, places = t.bytes, t.places
	for i = 0, t.count - 1 do ffi.copy(bytes + places[i], digits, width) end
	return t.text
end

-- The truncatedAlerts that makes a request differ from all others. A repeated alert
-- says the same each time, so nothing in it may.
local function fresh(thread) return string.format("1%02d%05d", thread, run) .. counter end

-- What is the same whenever a label set comes again.
local function known(set)
	local app = apps[set % #apps + 1]
	return {
		pod = string.format("%s-%08x-%05d", app, set * 2654435761 % 2 ^ 32, set),
		number = string.format("%d.%d", 10 + set % 90, set % 10),
		started = string.format("2026-11-23T06:%02d:%02d.%03dZ", set % 60, set % 59, set % 1000),
		fingerprint = string.format("%08x%08x", (set + 1) * 2654435761 % 2 ^ 32, (set + 7) * 2246822519 % 2 ^ 32),
	}
end

-- Makes of a an alert that no request had before. The fingerprint has five hex
-- digits of RUN, one of the thread, the counter, and three of the place.
local function renew(a, thread, place)
	local mine = string.format("%05x%x", run, thread)
	a.pod = "api-" .. mine .. counter .. "-" .. string.format("%03x", place)
	a.fingerprint = mine .. counter .. string.format("%03x", place)
end

local function storm(thread)
	local all, set = {}, 0
	for t = 1, label_sets / alerts do
		local rule, namespace = place(set)
		local list = {}
		for i = 1, alerts do
			local a = known(set)
			list[i] = alert(rule, namespace, a.pod, a.number, a.started, a.fingerprint)
			set = set + 1
		end
		all[t] = template(format(body(rule, namespace, list, fresh(thread))))
	end
	return all
end

local function hard(thread)
	local list = {}
	for i = 1, alerts do
		local a = { started = "2026-11-23T06:30:00." .. string.format("%03d", i % 1000) .. "Z" }
		renew(a, thread, i - 1)
		list[i] = alert(rules[3], namespaces[1], a.pod, "93." .. counter, a.started, a.fingerprint)
	end
	return { template(format(body(rules[3], namespaces[1], list))) }
end

-- As groups come: most are small, few are large.
local mix_sizes = { 1, 2, 1, 5, 1, 10, 3, 20, 1, 50, 2, 5, 1, 10, 3, 100, 1, 2, 5, 20 }

local function mix(thread)
	local all, set, kind = {}, 0, 0
	for t = 1, 10 * #mix_sizes do
		local rule, namespace = place(set)
		local list = {}
		for i = 1, mix_sizes[(t - 1) % #mix_sizes + 1] do
			local a = known(set)
			-- Of ten: the fifth and the ninth have other annotations, the seventh is new.
			if kind == 4 or kind == 8 then a.number = a.number .. string.format("%03d", run % 1000) .. counter end
			if kind == 6 then renew(a, thread, i - 1) end
			list[i] = alert(rule, namespace, a.pod, a.number, a.started, a.fingerprint)
			set, kind = (set + 1) % label_sets, (kind + 1) % 10
		end
		all[t] = template(format(body(rule, namespace, list, fresh(thread))))
	end
	return all
end

local threads = 0

function setup(thread)
	thread:set("thread_number", threads)
	threads = threads + 1
end

local modes = { storm = storm, hard = hard, mix = mix }
local sizes = { [1] = true, [10] = true, [100] = true, [1000] = true }

function init()
	if not sizes[alerts] then error("ALERTS must be 1, 10, 100 or 1000") end
	if not modes[mode] then error("MODE must be storm, hard or mix") end
	if thread_number > 15 then error("no more than 16 threads") end
	local all, n = modes[mode](thread_number), 0
	local count = #all
	request = function()
		n = n + 1
		return fill(all[n % count + 1], n)
	end
end
