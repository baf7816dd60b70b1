// Header fields as lists of names and values in turn, as they came: what goes on to the other side of a proxy, and what
// concerned only the connection it came over (RFC 9110, 7.6.1). Pure.

/** Names and values in turn. */
export type RawHeaders = readonly string[];

const hopByHop: ReadonlySet<string> = new Set(['connection', 'proxy-connection', 'keep-alive', 'proxy-authenticate', 'proxy-authorization', 'te', 'trailer', 'transfer-encoding', 'upgrade']);

export function valuesOf(headers: RawHeaders, name: string): string[] {
  const found: string[] = [];
  for (let at = 0; at < headers.length; at += 2) if (headers[at]!.toLowerCase() === name) found.push(headers[at + 1]!);
  return found;
}

export function valueOf(headers: RawHeaders, name: string): string | undefined {
  for (let at = 0; at < headers.length; at += 2) if (headers[at]!.toLowerCase() === name) return headers[at + 1];
  return undefined;
}

/** Those for whom `keeps` says so, by the name in lower case. */
export function filtered(headers: RawHeaders, keeps: (name: string) => boolean): string[] {
  const kept: string[] = [];
  for (let at = 0; at < headers.length; at += 2) if (keeps(headers[at]!.toLowerCase())) kept.push(headers[at]!, headers[at + 1]!);
  return kept;
}

/** With the second in the place of what the first has under the same names. */
export function replaced(headers: RawHeaders, by: RawHeaders): RawHeaders {
  if (by.length === 0) return headers;
  return [...filtered(headers, (name) => valueOf(by, name) === undefined), ...by];
}

/** Without those of the connection, the ones that `Connection` names among them, and HTTP/2's pseudo fields. */
export function endToEnd(headers: RawHeaders): string[] {
  const named = new Set(valuesOf(headers, 'connection').flatMap(tokens));
  return filtered(headers, (name) => !hopByHop.has(name) && !named.has(name) && !name.startsWith(':'));
}

/**
 * What a request says to the server behind: its end-to-end fields, with `Host` and one line of cookies also where it came over
 * HTTP/2. `Expect` has been answered by then.
 */
export function requestHeaders(headers: RawHeaders): string[] {
  const kept = filtered(endToEnd(headers), (name) => name !== 'expect' && name !== 'cookie');
  const cookies = valuesOf(headers, 'cookie');
  if (cookies.length > 0) kept.push('Cookie', cookies.join('; '));
  const authority = valueOf(headers, ':authority');
  if (authority !== undefined && valueOf(kept, 'host') === undefined) kept.push('Host', authority);
  return kept;
}

/** HTTP/2 lets these stand only once; of a server that says one twice the first counts. */
const single: ReadonlySet<string> = new Set([
  'access-control-allow-credentials', 'access-control-max-age', 'age', 'content-encoding', 'content-language', 'content-length', 'content-location', 'content-md5', 'content-range',
  'content-type', 'date', 'etag', 'expires', 'last-modified', 'location', 'retry-after', 'tk', 'x-content-type-options',
]);

/** As HTTP/2 wants them: a name once, in lower case. */
export function byName(headers: RawHeaders): Record<string, string | string[]> {
  const all: Record<string, string | string[]> = {};
  for (let at = 0; at < headers.length; at += 2) {
    const name = headers[at]!.toLowerCase();
    const before = all[name];
    if (before !== undefined && single.has(name)) continue;
    all[name] = before === undefined ? headers[at + 1]! : [...(Array.isArray(before) ? before : [before]), headers[at + 1]!];
  }
  return all;
}

export function tokens(value: string): string[] {
  return value.split(',').map((token) => token.trim().toLowerCase()).filter((token) => token !== '');
}
