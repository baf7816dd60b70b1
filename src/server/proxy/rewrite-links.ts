// A page that is seen through the API server has its links lead there too: absolute paths, and URLs of the server behind, get
// the path of the proxy in front. As upstream does it, so that what works through its proxy works here.
import { Transform, pipeline, type Readable } from 'node:stream';
import { createDeflate, createGunzip, createGzip, createInflate } from 'node:zlib';

export interface ProxiedPlace {
  /** The path in front of what the server behind has: `/api/v1/namespaces/default/services/web/proxy`. */
  readonly prefix: string;
  /** `10.0.0.1:8080`, where the page is. */
  readonly upstreamHost: string;
  /** As the client called us: `localhost:8001`. */
  readonly requestHost: string;
}

/** The URL as seen through the proxy; what leads elsewhere, or is relative, stays. */
export function rewriteUrl(url: string, { prefix, upstreamHost, requestHost }: ProxiedPlace): string {
  const [, scheme = '', host, path = '', rest = ''] = /^([a-z][-+.a-z0-9]*:)?(?:\/\/([^/?#]*))?([^?#]*)(.*)$/is.exec(url)!;
  const isElsewhere = host ? host !== upstreamHost && host !== requestHost : scheme !== '';
  if (isElsewhere || !path.startsWith('/')) return url;
  const kept = host === requestHost ? `${scheme}//${host}` : '';
  return kept + (path.startsWith(prefix) ? path : prefix + path) + rest;
}

/** Which attributes hold URLs (HTML 4 and 5). */
const urlAttributes: Readonly<Record<string, readonly string[]>> = {
  a: ['href'], applet: ['codebase'], area: ['href'], audio: ['src'], base: ['href'], blockquote: ['cite'], body: ['background'], button: ['formaction'],
  command: ['icon'], del: ['cite'], embed: ['src'], form: ['action'], frame: ['longdesc', 'src'], head: ['profile'], html: ['manifest'],
  iframe: ['longdesc', 'src'], img: ['longdesc', 'src', 'usemap'], input: ['src', 'usemap', 'formaction'], ins: ['cite'], link: ['href'],
  object: ['classid', 'codebase', 'data', 'usemap'], q: ['cite'], script: ['src'], source: ['src'], video: ['poster', 'src'],
};

/** A tag that is longer ends the page: it is held whole while it is read. */
const mostHeldBytes = 4 * 1024 * 1024;

/** Undefined: an encoding of which nothing is known here; the page stays as it is. The parser is loaded with the first page. */
export async function linkRewriter(encoding: string, place: ProxiedPlace): Promise<((page: Readable) => Readable) | undefined> {
  const around = coding(encoding);
  if (!around) return undefined;
  const { RewritingStream } = await import('parse5-html-rewriting-stream');
  return (page) => {
    const parser = new RewritingStream();
    parser.on('startTag', (tag, raw) => {
      const wanted = urlAttributes[tag.tagName];
      const changed = wanted ? tag.attrs.filter(({ name, value }) => wanted.includes(name) && rewriteUrl(value, place) !== value) : [];
      const at = (tag.sourceCodeLocation as { attrs?: Record<string, { startOffset: number; endOffset: number }> } | null)?.attrs ?? {};
      let text = raw;
      // From the last to the first, so that the places of those before stay true. All else keeps its very bytes.
      for (const { name, value } of changed.toReversed()) {
        const where = at[name]!;
        const [start, end] = [where.startOffset, where.endOffset].map((offset) => offset - tag.sourceCodeLocation!.startOffset);
        text = `${text.slice(0, start)}${name}="${escaped(rewriteUrl(value, place))}"${text.slice(end)}`;
      }
      parser.emitRaw(text);
    });
    let heldBytes = 0;
    // As bytes, not characters: every encoding of pages agrees with ASCII where tags are concerned.
    const rewrite = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        heldBytes += chunk.length;
        if (heldBytes > mostHeldBytes) return done(new Error('a tag without end'));
        parser.write(chunk.toString('latin1'), (error) => done(error));
      },
      flush: (done) => void parser.end(() => done()),
    });
    parser.on('data', (text: string) => {
      heldBytes = 0;
      rewrite.push(Buffer.from(text, 'latin1'));
    });
    parser.once('error', (error) => rewrite.destroy(error));
    const streams = [page, ...around.decode(), rewrite, ...around.encode()];
    return pipeline(streams as [Readable, Transform], () => {}) as unknown as Readable;
  };
}

function coding(encoding: string) {
  switch (encoding) {
    case '':
    case 'identity':
      return { decode: () => [], encode: () => [] };
    case 'gzip':
      return { decode: () => [createGunzip()], encode: () => [createGzip()] };
    case 'deflate':
      return { decode: () => [createInflate()], encode: () => [createDeflate()] };
    default:
      return undefined;
  }
}

function escaped(value: string): string {
  return value.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
}
