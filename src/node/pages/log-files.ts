// /logs/: the files of the Pods' logs below `pods/`, as a web server shows a directory. Nothing else of the machine.
import { createReadStream } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { join, normalize, sep } from 'node:path';
import { ApiError } from '../../api/error.ts';
import type { NodePage } from '../../api/node-service.ts';

/** `path` begins after `/logs/`. Throws ApiError NotFound. */
export async function logPage(root: string, path: string, signal: AbortSignal): Promise<NodePage> {
  if (path === '') return listing(['pods/']);
  const inside = path === 'pods' ? '' : path.startsWith('pods/') ? path.slice('pods/'.length) : undefined;
  if (inside === undefined) throw notFound(path);
  const wanted = normalize(join(root, inside));
  if (wanted !== root && !wanted.startsWith(root + sep) && wanted !== root + sep) throw notFound(path);
  try {
    const [real, top] = await Promise.all([realpath(wanted), realpath(root)]);
    // A link that leads out is none of ours.
    if (real !== top && !real.startsWith(top + sep)) throw notFound(path);
    if ((await stat(real)).isDirectory()) {
      const entries = await readdir(real, { withFileTypes: true });
      return listing(entries.map((entry) => (entry.isDirectory() ? `${entry.name}/` : entry.name)).sort());
    }
    return { code: 200, type: 'text/plain; charset=utf-8', body: createReadStream(real, { signal }) as AsyncIterable<Uint8Array> };
  } catch (error) {
    throw error instanceof ApiError ? error : notFound(path);
  }
}

function listing(names: readonly string[]): NodePage {
  const lines = names.map((name) => `<a href="${encodeURI(name)}">${name.replaceAll('&', '&amp;').replaceAll('<', '&lt;')}</a>\n`);
  return { code: 200, type: 'text/html; charset=utf-8', body: Buffer.from(`<!doctype html>\n<meta name="viewport" content="width=device-width">\n<pre>\n${lines.join('')}</pre>\n`) };
}

function notFound(path: string): ApiError {
  return new ApiError(404, 'NotFound', `there is no log ${JSON.stringify(path)}`);
}
