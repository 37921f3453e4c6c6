import type { Sample } from './yarn-invariants.ts';

const INTERVAL_MS = 500;
const ANSWER_MS_MAX = 5_000;

/** An application as the ResourceManager's REST interface reports it. */
interface ReportedApplication {
  readonly id: string;
  readonly user: string;
  readonly queue: string;
  readonly state: string;
  readonly runningContainers: number;
}

const ENDED = ['FINISHED', 'FAILED', 'KILLED'];

/** Asks whichever ResourceManager is active, again and again, what runs under a tag; apart from the product's own client. */
export class YarnSampler {
  readonly samples: Sample[] = [];
  readonly #urls: readonly string[];
  readonly #tag: string;
  readonly #ended: Promise<void>;
  #isClosing = false;

  constructor(urls: readonly string[], tag: string) {
    this.#urls = urls;
    this.#tag = tag;
    this.#ended = this.#run();
  }

  async close(): Promise<void> {
    this.#isClosing = true;
    await this.#ended;
  }

  /** What runs now; null: nobody answers. */
  async sample(): Promise<Sample | null> {
    const atMs = Date.now();
    for (const url of this.#urls) {
      const all = await applicationsAt(url, this.#tag);
      if (all === null) continue;
      const running = all.filter(({ state }) => !ENDED.includes(state));
      const applications = running.map(({ id, user, queue, runningContainers }) => ({
        applicationId: id,
        user,
        queue,
        runningContainers,
      }));
      return { atMs, applications };
    }
    return null;
  }

  async #run(): Promise<void> {
    while (!this.#isClosing) {
      const sample = await this.sample();
      if (sample !== null) this.samples.push(sample);
      await new Promise((resolve) => setTimeout(resolve, INTERVAL_MS));
    }
  }
}

/** Null: it does not answer, or is standby. */
async function applicationsAt(url: string, tag: string): Promise<ReportedApplication[] | null> {
  try {
    const response = await fetch(`${url}/ws/v1/cluster/apps?applicationTags=${tag}&user.name=trainyard`, {
      redirect: 'manual',
      signal: AbortSignal.timeout(ANSWER_MS_MAX),
    });
    if (response.status !== 200) return null;
    // The ResourceManager's documented answer; `apps` is null or empty where there are none.
    const { apps } = (await response.json()) as { apps?: { app?: ReportedApplication[] } | null };
    return apps?.app ?? [];
  } catch {
    return null; // it is one of the things that are killed
  }
}
