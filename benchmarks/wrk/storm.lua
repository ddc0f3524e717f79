-- A storm of alerts for wrk: bodies as Alertmanager 0.34 sends them, ALERTS
-- alerts of some 940 bytes each. No two requests of a run are the same.
--
--   ALERTS  alerts in a request; 1, 10 (default) or 100
--   MODE    storm (default): 2 000 label sets again and again, only a startsAt
--           is new; hard: every label set and every annotation is new
--   RUN     a number from 0 to 86 399 that makes this run differ from the one
--           before it, on the same server; default 0
--
--   ALERTS=10 wrk -t1 -c64 -d5s --latency -s storm.lua http://127.0.0.1:9567/webhook/bench
--
-- What can be is built before the first request. A request of the storm is
-- then one concatenation of four strings that exist already.

local alerts = tonumber(os.getenv("ALERTS") or "10")
local mode = os.getenv("MODE") or "storm"
local run = tonumber(os.getenv("RUN") or "0")

local label_sets, templates = 2000, 200
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

-- Alerts of a group share rule and namespace, as ALERTS divides 100.
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

local function body(rule, namespace, list)
	return table.concat({
		'{"receiver":"stormdrain","status":"firing","alerts":[', table.concat(list, ","),
		'],"notification_reason":"new alerts in group","groupLabels":{"alertname":"', rule.name, '","namespace":"', namespace,
		'"},"commonLabels":{"alertname":"', rule.name, '","cluster":"prod-eu-1","namespace":"', namespace,
		'","prometheus":"monitoring/k8s","severity":"', rule.severity,
		'"},"commonAnnotations":{"runbook_url":"', runbook(rule), '","summary":"', rule.summary,
		'"},"routeLabels":{},"externalURL":"http://alertmanager-main.monitoring:9093","version":"4","groupKey":"{}:{alertname=\\"',
		rule.name, '\\", namespace=\\"', namespace, '\\"}","truncatedAlerts":0}\n',
	})
end

-- The whole request, with the counter's place still empty.
local function format(text)
	local headers = { Host = wrk.headers["Host"], ["Content-Type"] = "application/json", ["User-Agent"] = "Alertmanager/0.34.2" }
	return wrk.format("POST", wrk.path, headers, text)
end

-- Cuts a request where the counter goes. There is at least one such place.
local function cut(text)
	local pieces, from = {}, 1
	while true do
		local first, last = text:find(counter, from, true)
		if not first then break end
		pieces[#pieces + 1] = text:sub(from, first - 1)
		from = last + 1
	end
	pieces[#pieces + 1] = text:sub(from)
	return pieces
end

local function digits(width)
	local all = {}
	for i = 0, 10 ^ width - 1 do all[i] = string.format("%0" .. width .. "d", i) end
	return all
end

local thousands, units = digits(3), digits(4)
local n = 0

local function storm(thread)
	local second = string.format("2026-11-23T%02d:%02d:%02d", math.floor(run / 3600) % 24, math.floor(run / 60) % 60, run % 60)
	local heads, tails, set = {}, {}, 0
	for t = 0, templates - 1 do
		local rule, namespace = place(set)
		local list = {}
		for i = 1, alerts do
			local app = apps[set % #apps + 1]
			local pod = string.format("%s-%08x-%05d", app, set * 2654435761 % 2 ^ 32, set)
			local started = i == 1 and second .. "." .. string.format("%02d", thread) .. counter .. "Z"
				or string.format("2026-11-23T06:%02d:%02d.%03dZ", set % 60, set % 59, set % 1000)
			local fingerprint = string.format("%08x%08x", (set + 1) * 2654435761 % 2 ^ 32, (set + 7) * 2246822519 % 2 ^ 32)
			list[i] = alert(rule, namespace, pod, string.format("%d.%d", 10 + set % 90, set % 10), started, fingerprint)
			set = (set + 1) % label_sets
		end
		local pieces = cut(format(body(rule, namespace, list)))
		heads[t], tails[t] = pieces[1], pieces[2]
	end
	return function()
		n = n + 1
		local low, t = n % 10000, n % templates
		return heads[t] .. thousands[(n - low) / 10000 % 1000] .. units[low] .. tails[t]
	end
end

local function hard(thread)
	local mine = string.format("%05d%02d", run, thread)
	local rule, namespace = rules[3], namespaces[1]
	local list = {}
	for i = 1, alerts do
		local tag = string.format("%02d", i - 1)
		list[i] = alert(rule, namespace, "api-" .. mine .. counter .. "-" .. tag, "93." .. counter,
			"2026-11-23T06:30:00." .. string.format("%03d", i) .. "Z", mine .. counter .. tag)
	end
	local pieces = cut(format(body(rule, namespace, list)))
	local out = { pieces[1] } -- piece, counter, piece, counter, ... piece
	for i = 2, #pieces do
		out[#out + 1] = counter
		out[#out + 1] = pieces[i]
	end
	return function()
		n = n + 1
		local low = n % 10000
		local count = thousands[(n - low) / 10000 % 1000] .. units[low]
		for i = 2, #out, 2 do out[i] = count end
		return table.concat(out)
	end
end

local threads = 0

function setup(thread)
	thread:set("thread_number", threads)
	threads = threads + 1
end

function init()
	if alerts ~= 1 and alerts ~= 10 and alerts ~= 100 then error("ALERTS must be 1, 10 or 100") end
	if mode ~= "storm" and mode ~= "hard" then error("MODE must be storm or hard") end
	request = (mode == "hard" and hard or storm)(thread_number)
end
