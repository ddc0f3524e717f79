// A quiet day, a switch that fails, and a quiet day again: from a twentieth of
// the rate to all of it within a few seconds. What comes after the spike is a
// scenario of its own, with its own latencies: does it recover at once?
//   RATE of the peak, default 20000 (so 1000 before and after), DURATION default 2m

import { arrivals, common, constant, rate, seconds, send, setup, thresholds, whole } from './lib.js';

const peak = rate(20000);
const calm = Math.max(1, Math.round(peak / 20));
const part = seconds('2m') / 12;

const stages = [
  { target: calm, duration: whole(3 * part) },
  { target: peak, duration: whole(part / 2) },
  { target: peak, duration: whole(4 * part) },
  { target: calm, duration: whole(part / 2) },
];
const before = stages.reduce((sum, stage) => sum + parseInt(stage.duration, 10), 0);

export const options = {
  ...common,
  scenarios: {
    spike: arrivals('ramping-arrival-rate', peak, { startRate: calm, stages }),
    after: constant(calm, 4 * part, { startTime: whole(before) }),
  },
  thresholds: {
    ...thresholds('spike', calm * 3.5 * part + peak * 4.5 * part),
    ...thresholds('after', calm * 4 * part),
  },
};

export { setup };
export default send;
