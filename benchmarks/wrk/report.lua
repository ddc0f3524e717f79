-- What wrk does not say by itself: p50, p95, p99, p99.9, and the answers by
-- their status. It runs another script and looks at its answers.
--
--   LOAD    the script: rotate (default), storm, or the path of one
--
--   wrk -t1 -c64 -d10s -s benchmarks/wrk/report.lua http://127.0.0.1:9567/webhook/bench
--   LOAD=storm ALERTS=10 RUN=1 wrk -t1 -c64 -d10s -s benchmarks/wrk/report.lua http://127.0.0.1:9567/webhook/bench
--
-- To count them, wrk has to hand every answer to Lua, and sends less meanwhile.
-- For the highest rate, run the other script by itself.

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local name = os.getenv("LOAD") or "rotate"
dofile(name:find("/") and name or here .. name .. ".lua")

-- Each thread has a Lua of its own; setup and done run in the first one, and see
-- the others' globals only.
local all, their_setup = {}, setup

function setup(thread)
	all[#all + 1] = thread
	if their_setup then their_setup(thread) end
end

statuses = {}

function response(status)
	statuses[status] = (statuses[status] or 0) + 1
end

local function add_up()
	local sum, codes = {}, {}
	for _, thread in ipairs(all) do
		for status, n in pairs(thread:get("statuses")) do
			if not sum[status] then codes[#codes + 1] = status end
			sum[status] = (sum[status] or 0) + n
		end
	end
	table.sort(codes)
	return sum, codes
end

function done(summary, latency)
	local function say(...) io.write(string.format(...), "\n") end
	local ms = function(us) return us / 1000 end
	say("-- report --")
	say("requests     %d, %.0f a second", summary.requests, summary.requests / (summary.duration / 1e6))
	for _, p in ipairs({ 50, 95, 99, 99.9 }) do
		say("%-12s %.3f ms", "p" .. p, ms(latency:percentile(p)))
	end
	say("%-12s %.3f ms", "max", ms(latency.max))
	local sum, codes = add_up()
	for _, status in ipairs(codes) do
		say("%-12s %d (%.3f %%)%s", "status " .. status, sum[status], 100 * sum[status] / summary.requests,
			status == 200 and "" or ": not stored")
	end
	local e = summary.errors
	say("%-12s connect %d, read %d, write %d, timeout %d", "sockets", e.connect, e.read, e.write, e.timeout)
	say("A closed loop flatters: what was not sent while the server stood still is not in these percentiles.")
end
