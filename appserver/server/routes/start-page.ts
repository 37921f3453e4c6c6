import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { AppError } from '#contracts';
import { UI_ASSETS, UI_FILES } from '#ui';
import type { PageHandler } from '../app.ts';
import { isNotModified } from '../http/etag.ts';

/**
 * The page may load its own files and ask its own server, nothing else: no inline code or style, no frames, no plugins,
 * no other host. @see Content Security Policy Level 3, section 6
 */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

/**
 * Serves the web app at `/` and its files at `/ui/NAME`. Needs no key: the files are the same for everybody, and what
 * they show comes from the REST API with the reader's own key. All files are read once, at start.
 */
export function createStartPage(): PageHandler {
  const files = new Map(
    Object.entries(UI_FILES).map(([name, mediaType]) => {
      const bytes = readFileSync(new URL(name, UI_ASSETS));
      const etag = `"${createHash('sha256').update(bytes).digest('base64url').slice(0, 22)}"`;
      return [name === 'index.html' ? '/' : `/ui/${name}`, { bytes, mediaType, etag }] as const;
    }),
  );
  return async (ctx) => {
    const file = files.get(ctx.path);
    if (file === undefined) return false;
    if (ctx.method !== 'GET' && ctx.method !== 'HEAD')
      throw new AppError('METHOD_NOT_ALLOWED', `${ctx.method}: expected GET or HEAD`, {
        details: { allow: 'GET, HEAD' },
      });
    ctx.set({ 'Content-Security-Policy': CONTENT_SECURITY_POLICY, 'Cache-Control': 'no-cache', ETag: file.etag });
    if (isNotModified(ctx.headers['if-none-match'], file.etag)) {
      ctx.status = 304;
      return true;
    }
    ctx.status = 200;
    ctx.set('Content-Type', file.mediaType);
    ctx.body = file.bytes;
    return true;
  };
}
