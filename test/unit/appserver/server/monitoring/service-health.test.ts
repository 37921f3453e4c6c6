import { expect } from 'chai';
import { serviceHealth } from '../../../../../appserver/server/monitoring/service-health.ts';
import { timeRange } from '../../../../../appserver/server/monitoring/time-range.ts';

const RANGE = timeRange({ from: '2026-11-30T00:00:00Z', to: '2026-11-30T03:00:00Z' }, 0);
const [FIRST, SECOND] = [RANGE.from, RANGE.from + 3_600_000];
const LONG_AGO = RANGE.to + 1;

describe('serviceHealth', () => {
  it('adds hours up, and tells kinds of answers apart', () => {
    const hours = [
      { hour: FIRST, service: { statuses: { 200: 80, 422: 5 }, rows: 800, latencies: {}, latencySum: 0 } },
      {
        hour: SECOND,
        service: { statuses: { 200: 5, 429: 6, 500: 3, 503: 1 }, rows: 5, latencies: {}, latencySum: 0 },
      },
    ];
    const health = serviceHealth(hours, RANGE, LONG_AGO);
    expect(health).to.deep.include({ requests: 100, succeeded: 85, clientErrors: 5, overloaded: 6, serverErrors: 4 });
    expect(health).to.deep.include({ rows: 805, errorRate: 0.1, latencyMs: null, requestsPerSecond: 100 / 10_800 });
    expect(health.data.map(({ requests }) => requests)).to.deep.equal([85, 15, 0]);
    expect(health.data.map(({ errorRate }) => errorRate)).to.deep.equal([0, 10 / 15, null]);
  });

  it('has a rate of the time up to now', () => {
    const hours = [{ hour: SECOND, service: { statuses: { 200: 600 }, rows: 600, latencies: {}, latencySum: 0 } }];
    expect(serviceHealth(hours, RANGE, SECOND + 60_000).data[1]?.requestsPerSecond).to.equal(10);
  });

  it('interpolates quantiles within their bucket, the last bound standing for what is beyond all', () => {
    const latencies = { 0.001: 50, 0.002: 40, 0.01: 0, 0.1: 9, Infinity: 1 };
    const service = { statuses: { 200: 100 }, rows: 100, latencies, latencySum: 0.3 };
    const { latencyMs } = serviceHealth([{ hour: FIRST, service }], RANGE, LONG_AGO);
    expect(latencyMs?.p50).to.be.closeTo(1, 1e-12);
    expect(latencyMs?.p95).to.be.closeTo(10 + 90 * (5 / 9), 1e-9);
    expect(latencyMs?.p99).to.be.closeTo(100, 1e-9);
    expect(latencyMs?.mean).to.be.closeTo(3, 1e-12);
    const slow = { ...service, latencies: { 0.1: 0, Infinity: 3 } };
    expect(serviceHealth([{ hour: FIRST, service: slow }], RANGE, LONG_AGO).latencyMs?.p50).to.equal(100);
  });
});
