import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, type AddressInfo } from 'node:net';
import { test } from 'node:test';
import { ApiError } from '../../api/error.ts';
import { decodeBody, decodePatch, readBody } from './body.ts';

test('a client that goes away in the middle of what it sends is no inner error', async () => {
  await using server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1');
  socket.write('POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{');
  const [incoming] = await once(server, 'request');
  const reading = readBody(incoming);
  socket.destroy();
  await assert.rejects(reading, (error) => error instanceof ApiError && error.code === 400);
});

test('half a surrogate pair is read as Go reads it, and a whole one as it is', async () => {
  const { value } = await decodeBody(Buffer.from(String.raw`{"a\ud800":"\udc00\ud83d\ude42","b":"\\ud800"}`), undefined, 'x', false);
  assert.deepEqual(value, { 'a\ufffd': '\ufffd🙂', b: String.raw`\ud800` });
  const applied = await decodePatch(Buffer.from(String.raw`{"a\ud800": "\udc00🙂", b: '\ud800'}`), 'apply', false);
  assert.deepEqual(applied.value, { 'a\ufffd': '\ufffd🙂', b: String.raw`\ud800` });
});
