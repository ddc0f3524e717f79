// The same rate all the time: does it hold what it should?
//   RATE default 10000, DURATION default 60s

import { common, constant, held, rate, seconds, send, setup, thresholds } from './lib.js';

const perSecond = rate(10000);
const s = seconds('60s');

export const options = {
  ...common,
  scenarios: { steady: constant(perSecond, s) },
  thresholds: { ...thresholds('steady', perSecond * s), ...held('steady', perSecond) },
};

export { setup };
export default send;
