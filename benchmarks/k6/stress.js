// Where does it end? Steps of a quarter to twice the rate, each a scenario of its
// own, so that the summary has a line for each. The later steps are meant to fail:
// what counts is the last one that does not, and that failing means 503 or late,
// and never a broken connection or an alert that was answered for and lost.
//   RATE default 10000 (so 2500, 5000, 7500, 10000, 15000, 20000), DURATION default 3m

import { common, constant, rate, seconds, send, setup, thresholds, whole } from './lib.js';

const full = rate(10000);
const steps = [0.25, 0.5, 0.75, 1, 1.5, 2].map((part) => Math.max(1, Math.round(full * part)));
const s = Math.max(1, Math.round(seconds('3m') / steps.length));

const scenarios = {};
let all = {};
steps.forEach((perSecond, i) => {
  const name = `step${i + 1}_${perSecond}`;
  // A step has no time to end in: the next one begins.
  scenarios[name] = constant(perSecond, s, { startTime: i === 0 ? '0s' : whole(i * s), gracefulStop: '1s' });
  all = { ...all, ...thresholds(name, perSecond * s) };
});

export const options = { ...common, scenarios, thresholds: all };

export { setup };
export default send;
