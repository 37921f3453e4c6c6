/** What stands in messages instead of a secret. */
const HIDDEN = '(hidden)';

const QUERY_SECRETS = /\b(delegation|token|access_token)=[^&\s"'<>)]+/gi;
const COOKIES = /\b(hadoop\.auth)=("[^"]*"|[^;\s]+)/gi;
const HEADERS =
  /\b(authorization|(?:x-hadoop|hadoop-yarn-rm)-delegation-token|(?:set-)?cookie)(["']?\s*[:=]\s*)[^\r\n]+/gi;
const NEGOTIATE = /\b(Negotiate|Bearer|Basic)\s+[A-Za-z0-9+/_=-]{8,}/g;

/** A text without the secrets of Hadoop's web endpoints: tokens in queries, cookies, authorisation headers. */
export function redact(text: string): string {
  return text
    .replaceAll(HEADERS, (_whole, name: string, between: string) => `${name}${between}${HIDDEN}`)
    .replaceAll(COOKIES, (_whole, name: string) => `${name}=${HIDDEN}`)
    .replaceAll(NEGOTIATE, (_whole, scheme: string) => `${scheme} ${HIDDEN}`)
    .replaceAll(QUERY_SECRETS, (_whole, name: string) => `${name}=${HIDDEN}`);
}

/** A URL for messages: origin and path, of the query the operation alone. */
export function describeUrl(url: URL): string {
  const operation = url.searchParams.get('op');
  return `${url.origin}${url.pathname}${operation === null ? '' : `?op=${operation}`}`;
}
