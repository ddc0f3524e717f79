// A rate that it has room for, for long: does anything grow? Beside the load, a
// scenario asks for the metrics of the server: memory (no more than a tenth an
// hour, after a tenth of the time to settle), goroutines, backlog.
//   RATE default 2000, DURATION default 1h

import exec from 'k6/execution';
import http from 'k6/http';
import { Trend } from 'k6/metrics';
import { common, constant, held, rate, seconds, send, setup, target, thresholds } from './lib.js';

const perSecond = rate(2000);
const s = seconds('1h');
const settled = 0.1; // part of the time
const judged = s >= 600; // in less, memory has not settled

const resident = new Trend('server_resident_bytes');
const growth = new Trend('server_resident_growth'); // 1: as much as when it had settled
const goroutines = new Trend('server_goroutines');
const backlog = new Trend('server_backlog_deliveries');

export const options = {
  ...common,
  scenarios: {
    soak: constant(perSecond, s),
    watch: {
      executor: 'constant-arrival-rate',
      exec: 'watch',
      rate: 1,
      timeUnit: `${Math.max(1, Math.round(s / 360))}s`,
      duration: `${s}s`,
      preAllocatedVUs: 1, // it remembers where it began
      maxVUs: 1,
    },
  },
  thresholds: {
    ...thresholds('soak', perSecond * s),
    ...held('soak', perSecond),
    ...(judged && {
      server_resident_growth: [`max<${1 + Math.max(0.1, (0.1 * s) / 3600)}`],
      server_goroutines: ['max<10000'],
    }),
  },
};

let began = 0; // bytes, when it had settled

export function watch() {
  const text = http.get(`${target}/metrics`, { responseType: 'text', tags: { name: 'metrics' } }).body || '';
  const value = (name) => {
    const found = new RegExp(`^${name} (\\S+)$`, 'm').exec(text);
    return found ? Number(found[1]) : 0;
  };
  const now = value('process_resident_memory_bytes');
  resident.add(now);
  goroutines.add(value('go_goroutines'));
  backlog.add(value('stormdrain_journal_backlog_deliveries'));
  if (exec.scenario.progress < settled) return;
  began = began || now;
  if (began > 0) growth.add(now / began);
}

export { setup };
export default send;
