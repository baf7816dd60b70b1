import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { test } from 'node:test';
import { deflateSync, gunzipSync, gzipSync, inflateSync } from 'node:zlib';
import { linkRewriter, rewriteUrl } from './rewrite-links.ts';

const place = { prefix: '/api/v1/namespaces/d/services/web/proxy', upstreamHost: '10.0.0.1:8080', requestHost: 'localhost:8001' };

test('URLs of the server behind get the way of the proxy, others stay', () => {
  const seen = (url: string) => rewriteUrl(url, place);
  assert.equal(seen('/a/b/?c=/d#e'), `${place.prefix}/a/b/?c=/d#e`);
  assert.equal(seen('http://10.0.0.1:8080/a'), `${place.prefix}/a`);
  assert.equal(seen('//10.0.0.1:8080/a'), `${place.prefix}/a`);
  assert.equal(seen('http://localhost:8001/a'), `http://localhost:8001${place.prefix}/a`);
  for (const same of ['a/b', '', '#x', '?y', 'http://example.com/a', '//example.com/a', 'mailto:/x', `${place.prefix}/a`, 'data:text/plain,/x', 'javascript:/x/']) assert.equal(seen(same), same);
});

const page = `<!doctype html>\r\n<!-- <a href="/no"> --><html manifest=/m><A class=x HREF='/a?b=1&amp;c="2"' id=y>Gr\u00fc\u00dfe</A><img src=/i.png longdesc="/d"><pre>\n<script src="/s.js">if (a < b) '<a href="/no">'</script><a href="rel">&nbsp;<form action="http://10.0.0.1:8080/f"></form>`;
const wanted = `<!doctype html>\r\n<!-- <a href="/no"> --><html manifest="P/m"><A class=x href="P/a?b=1&amp;c=&quot;2&quot;" id=y>Gr\u00fc\u00dfe</A><img src="P/i.png" longdesc="P/d"><pre>\n<script src="P/s.js">if (a < b) '<a href="/no">'</script><a href="rel">&nbsp;<form action="P/f"></form>`.replaceAll('P', place.prefix);

const rewritten = async (bytes: Buffer, encoding: string, size: number) => {
  const through = (await linkRewriter(encoding, place))!;
  const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, n) => bytes.subarray(n * size, (n + 1) * size));
  return buffer(through(Readable.from(chunks)));
};

test('a page keeps every byte but those of its links, whole or in pieces, plain or packed', async () => {
  for (const size of [1, 7, 10_000]) assert.equal((await rewritten(Buffer.from(page), '', size)).toString(), wanted);
  assert.deepEqual(await rewritten(Buffer.from(page, 'latin1'), '', 50), Buffer.from(wanted, 'latin1'));
  assert.equal(gunzipSync(await rewritten(gzipSync(page), 'gzip', 13)).toString(), wanted);
  assert.equal(inflateSync(await rewritten(deflateSync(page), 'deflate', 13)).toString(), wanted);
  assert.equal(await linkRewriter('br', place), undefined);
});

test('a tag without end ends the page, not the memory', async () => {
  await assert.rejects(rewritten(Buffer.concat([Buffer.from('<a href="'), Buffer.alloc(6 * 1024 * 1024, 'x')]), '', 65_536));
});
