-- Real bodies for wrk: what Alertmanager 0.25, 0.31 and 0.34 sent, captured byte
-- for byte, from one alert to forty, firing and resolved, one after the other.
--
--   BODIES  files to send instead, with blanks between
--   SAME    1: send them as they are, again and again. That measures the
--           server's cache of whole bodies, which is there for Alertmanager's
--           retries. By default no two requests of a run are the same: each has
--           its number in truncatedAlerts
--   RUN     a number from 0 to 99 999 that makes this run differ from the one
--           before it, on the same server; default 0
--
--   wrk -t1 -c64 -d5s --latency -s benchmarks/wrk/rotate.lua http://127.0.0.1:9567/webhook/bench
--
-- With report.lua it also says what the answers were. Bodies of another size
-- make another rate, so compare a run of this with runs of this.

local here = debug.getinfo(1, "S").source:match("^@(.*/)") or "./"
local captured = here .. "../../internal/e2e/testdata/payloads/"
local some = {
	"112-watchdog-1-am0.34.2.json", "047-single-kubepodnotready-1-am0.31.1.json", "065-grp2-v0342-2-am0.34.2.json",
	"038-grp5-v0311-1-am0.31.1.json", "080-life-v0342-6-am0.34.2.json", "072-grp7-v0342-2-am0.34.2.json",
	"007-grp10-v0250-1-am0.25.0.json", "054-escapes-1-am0.34.2.json", "066-grp40-v0342-1-am0.34.2.json",
}

local same = os.getenv("SAME") == "1"
local run = tonumber(os.getenv("RUN") or "0")

local function files()
	local all = {}
	for path in (os.getenv("BODIES") or ""):gmatch("%S+") do all[#all + 1] = path end
	if #all == 0 then
		for i, name in ipairs(some) do all[i] = captured .. name end
	end
	return all
end

local function read(path)
	local f, why = io.open(path, "rb")
	if not f then error(why) end
	local text = f:read("*a")
	f:close()
	return text
end

-- Puts where truncatedAlerts was the run, the thread and the place of seven digits
-- that are filled in later.
local function stamped(text, path, thread)
	local first, last = text:find('"truncatedAlerts":%d+')
	if not first then error(path .. " has no truncatedAlerts to make requests differ by; with SAME=1 it needs none") end
	return text:sub(1, first - 1) .. string.format('"truncatedAlerts":1%02d%05d#######', thread, run) .. text:sub(last + 1)
end

local function format(text)
	local headers = { Host = wrk.headers["Host"], ["Content-Type"] = "application/json", ["User-Agent"] = "Alertmanager/0.34.2" }
	return wrk.format("POST", wrk.path, headers, text)
end

local threads = 0

function setup(thread)
	thread:set("thread_number", threads)
	threads = threads + 1
end

function init()
	local heads, tails, n = {}, {}, 0
	for i, path in ipairs(files()) do
		local text = read(path)
		if same then
			heads[i - 1] = format(text)
		else
			local whole = format(stamped(text, path, thread_number))
			local first, last = whole:find('"truncatedAlerts":%d+#######')
			heads[i - 1], tails[i - 1] = whole:sub(1, last - 7), whole:sub(last + 1)
		end
	end
	local bodies = #heads + 1
	request = function()
		local i = n % bodies
		n = n + 1
		if same then return heads[i] end
		return heads[i] .. string.format("%07d", n % 10000000) .. tails[i]
	end
end
