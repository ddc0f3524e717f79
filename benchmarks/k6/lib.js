// What the scenarios share: the bodies, the thresholds, the environment.
//
//   TARGET    the server, default http://127.0.0.1:9567
//   RATE      requests a second; what it means, each scenario says
//   DURATION  of the whole, "90s" or "1h30m"
//   ALERTS    in a request, default 10
//
// The bodies are those of ../wrk/storm.lua: 2 000 label sets again and again,
// and no two requests the same. Every scenario sends at a rate that does not
// depend on the answers: an open loop, as Alertmanagers are.

import http from 'k6/http';
import exec from 'k6/execution';
import { check } from 'k6';

export const target = (__ENV.TARGET || 'http://127.0.0.1:9567').replace(/\/+$/, '');

// Of the reference guide: latencies in milliseconds, failures as a part of all.
const limits = { p95: 5, p99: 10, failed: 0.001 };

export function rate(otherwise) {
  const n = Number(__ENV.RATE || otherwise);
  if (!(n >= 1)) throw new Error(`RATE is ${__ENV.RATE}, must be a number from 1`);
  return Math.round(n);
}

export function seconds(otherwise) {
  const text = __ENV.DURATION || otherwise;
  const parts = /^(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?$/.exec(text);
  const sum = parts ? 3600 * (parts[1] || 0) + 60 * (parts[2] || 0) + 1 * (parts[3] || 0) : 0;
  if (sum < 1) throw new Error(`DURATION is ${text}, must be like 90s or 1h30m`);
  return sum;
}

// whole returns a part of a duration as k6 wants it.
export const whole = (s) => `${Math.max(1, Math.round(s))}s`;

export const common = {
  discardResponseBodies: true,
  systemTags: ['scenario', 'status', 'error_code', 'name', 'expected_response'], // each tag costs
  summaryTrendStats: ['min', 'med', 'p(95)', 'p(99)', 'p(99.9)', 'max'],
};

// arrivals are what the two executors with a rate of arrivals want: VUs for
// answers of 20 ms are there from the start, as to make one takes longer than the
// next arrival waits; with answers of 50 ms arrivals are dropped.
export function arrivals(executor, most, rest) {
  return {
    executor,
    timeUnit: '1s',
    preAllocatedVUs: Math.max(20, Math.ceil(most / 50)),
    maxVUs: Math.max(50, Math.ceil(most / 20)),
    gracefulStop: '10s',
    ...rest,
  };
}

export function constant(perSecond, s, rest) {
  return arrivals('constant-arrival-rate', perSecond, { rate: perSecond, duration: whole(s), ...rest });
}

// thresholds of one scenario that should send so many requests. What k6 could not
// send when it was due is counted as dropped: then the rate is not what it says.
export function thresholds(scenario, planned) {
  const of = (metric) => `${metric}{scenario:${scenario}}`;
  return {
    [of('http_req_duration')]: [`p(95)<${limits.p95}`, `p(99)<${limits.p99}`],
    [of('http_req_failed')]: [`rate<${limits.failed}`],
    [of('checks')]: [`rate>${1 - limits.failed}`],
    [of('dropped_iterations')]: [`count<${Math.max(1, Math.round(planned * limits.failed))}`],
  };
}

// held says that the rate was reached, over the whole of a test of one scenario.
export function held(scenario, perSecond) {
  return { [`http_reqs{scenario:${scenario}}`]: [`rate>${perSecond * 0.99}`] };
}

http.setResponseCallback(http.expectedStatuses(200)); // a redirect is no delivery

const params = {
  headers: { 'Content-Type': 'application/json', 'User-Agent': 'Alertmanager/0.34.2' },
  timeout: '10s', // Alertmanager's
  redirects: 0,
  tags: { name: 'webhook' },
};

// setup gives the run a number of its own, so that it repeats no body of the runs
// before it on the same server.
export function setup() {
  return { run: Math.floor(Date.now() / 10000) % 10000 };
}

// send is one iteration.
export function send(data) {
  const answer = http.post(`${target}/webhook/k6`, body(data.run, exec.vu.idInTest, exec.vu.iterationInInstance), params);
  check(answer, { 'answered with 200': (a) => a.status === 200 });
}

const labelSets = 2000;
const perVU = 5; // so 40 VUs have all the label sets
const each = Number(__ENV.ALERTS || 10);

// Of this VU, and made before the test begins: to make one takes as long as to
// send some dozens.
const templates = [];
for (let i = 0; i < perVU; i++) templates.push(template((__VU * perVU + i) * each));

// body has the run, the VU and the count of its iterations in truncatedAlerts: no two
// are the same, though each alert says again what it said before, as in a storm.
export function body(run, vu, iteration) {
  const digits = (n, width) => String(n).padStart(width, '0');
  const [head, tail] = templates[iteration % perVU];
  return `${head}1${digits(run, 4)}${digits(vu % 10000, 4)}${digits(iteration % 10000000, 7)}${tail}`;
}

// template is a body in two pieces, with the label sets from first on.
function template(first) {
  const namespace = `team-${String(Math.floor((first % labelSets) / 100)).padStart(2, '0')}`;
  const common = { alertname: 'KubePodNotReady', cluster: 'prod-eu-1', namespace, prometheus: 'monitoring/k8s', severity: 'warning' };
  const notes = {
    runbook_url: 'https://runbooks.prometheus-operator.dev/runbooks/kubernetes/kubepodnotready',
    summary: 'Pod has been in a non-ready state for more than 15 minutes.',
  };
  const hex = (n) => (n % 4294967296).toString(16).padStart(8, '0');
  const alerts = [];
  for (let i = 0; i < each; i++) {
    const set = (first + i) % labelSets;
    const pod = `api-${hex(set * 2654435761)}-${String(set).padStart(5, '0')}`;
    const clock = [set % 60, set % 59].map((n) => String(n).padStart(2, '0')).join(':');
    alerts.push({
      status: 'firing',
      labels: { ...common, pod },
      annotations: {
        description: `Pod ${namespace}/${pod} has been in a non-ready state for longer than 15 minutes, ${10 + (set % 90)} % of its probes failed on cluster prod-eu-1.`,
        ...notes,
      },
      startsAt: `2026-11-23T06:${clock}.${String(set % 1000).padStart(3, '0')}Z`,
      endsAt: '0001-01-01T00:00:00Z',
      generatorURL:
        'https://prometheus.monitoring.example.com/graph?g0.expr=sum+by+%28namespace%2C+pod%2C+cluster%29+%28kube_pod_status_phase%7Bphase%3D~%22Pending%7CUnknown%7CFailed%22%7D+%2A+on+%28namespace%2C+pod%29+kube_pod_owner%29+%3E+0&g0.tab=1',
      fingerprint: hex((set + 1) * 2654435761) + hex((set + 7) * 2246822519),
    });
  }
  const text = `${JSON.stringify({
    receiver: 'stormdrain',
    status: 'firing',
    alerts,
    notification_reason: 'new alerts in group',
    groupLabels: { alertname: common.alertname, namespace },
    commonLabels: common,
    commonAnnotations: notes,
    routeLabels: {},
    externalURL: 'http://alertmanager-main.monitoring:9093',
    version: '4',
    groupKey: `{}:{alertname="${common.alertname}", namespace="${namespace}"}`,
    truncatedAlerts: 0,
  }).replace(/&/g, '\\u0026')}\n`; // as Go's JSON has it
  const last = text.lastIndexOf('0'); // truncatedAlerts
  return [text.slice(0, last), text.slice(last + 1)];
}
