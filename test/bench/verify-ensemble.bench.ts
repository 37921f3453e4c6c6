// node test/bench/verify-ensemble.bench.ts [rows]: what verifying an ensemble of 4 models costs those who share the event loop.
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { FileObjectStore } from '#object-store';
import { createLogger } from '#runtime';
import { runCheck, type ModelCheck } from '../../appserver/server/verification/check.ts';
import { Verifier } from '../../appserver/server/verification/index.ts';
import { sealedEnsemble } from '../support/sealed-ensemble.ts';

const ROWS = Number(process.argv[2] ?? 200_000);
const REPEATS = 3;
/** Until the loop is measured as it is without the work. */
const SETTLE_MS = 20;

const folder = mkdtempSync(path.join(os.tmpdir(), 'trainyard-verify-bench-'));
const logger = createLogger({ program: 'bench', level: 'error' });
const verifier = new Verifier({ logger });
try {
  const store = new FileObjectStore(folder);
  const check: ModelCheck = { kind: 'ensemble', ...(await sealedEnsemble(store, ROWS)) };
  const ways = { 'on the loop': () => runCheck(check, store), 'in the thread': () => verifier.verify(check, store) };
  for (const [name, verify] of Object.entries(ways))
    for (let repeat = 1; repeat <= REPEATS; repeat += 1) {
      const delays = monitorEventLoopDelay({ resolution: 1 });
      delays.enable();
      await pause(SETTLE_MS);
      delays.reset();
      const startedAt = performance.now();
      await verify();
      const wallMs = performance.now() - startedAt;
      await pause(SETTLE_MS);
      delays.disable();
      console.log(`${ROWS} rows, ${name}: ${wallMs.toFixed(0)} ms, longest hold ${(delays.max / 1e6).toFixed(1)} ms`);
    }
} finally {
  await verifier.close();
  rmSync(folder, { recursive: true, force: true });
}
