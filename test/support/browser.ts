import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium, type BrowserContext, type Page } from 'playwright-core';

const BROWSERS = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** The installed Chromium, null when there is none (Debian package `chromium`). */
export const installedBrowser = (): string | null => BROWSERS.find((file) => existsSync(file)) ?? null;

/** A page with everything that its console, its scripts and its requests complained about. */
export interface WatchedPage {
  readonly page: Page;
  readonly complaints: string[];
  /** Addresses of all requests. */
  readonly requests: string[];
}

export interface TestBrowser {
  newPage(): Promise<WatchedPage>;
  close(): Promise<void>;
}

/** Starts a browser with an empty profile that asks nobody but the pages it is sent to. */
export async function startBrowser(executablePath: string): Promise<TestBrowser> {
  const profile = mkdtempSync(path.join(tmpdir(), 'trainyard-browser-'));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    viewport: { width: 1280, height: 800 },
    args: [
      // Chromium's own sandbox does not start as root.
      ...(process.getuid?.() === 0 ? ['--no-sandbox'] : []),
      ...['--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking'],
      ...['--disable-component-update', '--disable-sync'],
    ],
  });
  return {
    newPage: () => watchedPage(context),
    close: async () => {
      await context.close();
      rmSync(profile, { recursive: true, force: true, maxRetries: 20 });
    },
  };
}

async function watchedPage(context: BrowserContext): Promise<WatchedPage> {
  const page = await context.newPage();
  const complaints: string[] = [];
  const requests: string[] = [];
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text());
  });
  page.on('pageerror', (err) => complaints.push(err.message));
  page.on('requestfailed', (request) => complaints.push(`${request.url()}: ${request.failure()?.errorText ?? ''}`));
  page.on('request', (request) => requests.push(request.url()));
  return { page, complaints, requests };
}
