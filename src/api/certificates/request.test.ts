// Requests for certificates, against OpenSSL's: what it makes is read, and what is made it reads.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { makeCertificateRequest, readCertificateRequest } from './request.ts';
import { nodeOf, signerNames, whyNotSigned } from './signers.ts';

const noOpenssl = spawnSync('openssl', ['version']).status === 0 ? false : 'openssl is not installed';
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
const ofNode = { commonName: 'system:node:b', organizations: ['system:nodes'] };

test('what is made is read again', () => {
  const read = readCertificateRequest(makeCertificateRequest(key, { ...ofNode, dnsNames: ['b', 'b.example'], ipAddresses: ['192.0.2.7', '2001:db8::7'] }));
  assert.equal(read.commonName, 'system:node:b');
  assert.deepEqual(read.organizations, ['system:nodes']);
  assert.deepEqual([read.dnsNames, read.ipAddresses, read.emailAddresses, read.uris], [['b', 'b.example'], ['192.0.2.7', '2001:db8::7'], [], []]);
  assert.equal(nodeOf(read), 'b');
});

test('OpenSSL takes what is made', { skip: noOpenssl }, () => {
  const text = execFileSync('openssl', ['req', '-noout', '-verify', '-text', '-subject'], { input: makeCertificateRequest(key, { ...ofNode, dnsNames: ['b'], ipAddresses: ['192.0.2.7'] }), encoding: 'utf8', stdio: ['pipe', 'pipe', 'ignore'] });
  assert.match(text, /O = system:nodes, CN = system:node:b/);
  assert.match(text, /DNS:b, IP Address:192\.0\.2\.7/);
});

test('what OpenSSL makes is read, of each kind of key', { skip: noOpenssl }, () => {
  for (const kind of [['-newkey', 'rsa:2048'], ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'], ['-newkey', 'ed25519']]) {
    const pem = execFileSync('openssl', ['req', '-new', ...kind, '-nodes', '-keyout', '/dev/null', '-subj', '/O=dev/O=ops/CN=ann', '-addext', 'subjectAltName=DNS:a.example,email:ann@example.com,URI:https://a.example,IP:::1'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    const read = readCertificateRequest(pem);
    assert.deepEqual([read.commonName, read.organizations], ['ann', ['dev', 'ops']]);
    assert.deepEqual([read.dnsNames, read.emailAddresses, read.uris, read.ipAddresses], [['a.example'], ['ann@example.com'], ['https://a.example'], ['::1']]);
  }
});

test('what is none, or is not signed by its own key, is refused', () => {
  const pem = makeCertificateRequest(key, ofNode);
  assert.throws(() => readCertificateRequest('nonsense'), /PEM block type must be CERTIFICATE REQUEST/);
  assert.throws(() => readCertificateRequest(pem.replaceAll('CERTIFICATE REQUEST', 'CERTIFICATE')), /PEM block type must be CERTIFICATE REQUEST/);
  const bytes = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64');
  const wrapped = (changed: Buffer) => `-----BEGIN CERTIFICATE REQUEST-----\n${changed.toString('base64')}\n-----END CERTIFICATE REQUEST-----\n`;
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes);
    changed[at]! ^= 1;
    assert.throws(() => readCertificateRequest(wrapped(changed)), Error, `byte ${at}`);
    assert.throws(() => readCertificateRequest(wrapped(bytes.subarray(0, at))), Error, `cut at ${at}`);
  }
});

test('each signer signs its own kind of request only', () => {
  const client = ['digital signature', 'client auth'];
  const server = ['digital signature', 'server auth'];
  const read = (more: object) => readCertificateRequest(makeCertificateRequest(key, { ...ofNode, ...more }));
  const { kubeletClient, kubeletServing, apiServerClient } = signerNames;
  const cases = [
    [kubeletClient, read({}), client, undefined],
    [kubeletClient, read({}), [...client, 'key encipherment'], undefined],
    [kubeletClient, read({}), server, /usages did not match/],
    [kubeletClient, read({ organizations: ['system:masters'] }), client, /subject organization is not system:nodes/],
    [kubeletClient, read({ organizations: ['system:nodes', 'system:masters'] }), client, /subject organization is not system:nodes/],
    [kubeletClient, read({ commonName: 'b' }), client, /subject common name does not begin with system:node:/],
    [kubeletClient, read({ dnsNames: ['b'] }), client, /DNS subjectAltNames are not allowed/],
    [kubeletClient, read({ ipAddresses: ['192.0.2.7'] }), client, /IP subjectAltNames are not allowed/],
    [kubeletServing, read({ ipAddresses: ['192.0.2.7'] }), server, undefined],
    [kubeletServing, read({}), server, /DNS or IP subjectAltName is required/],
    [apiServerClient, read({}), client, undefined],
    [apiServerClient, read({}), server, /usages did not match/],
    ['example.com/own', read({}), server, undefined],
  ] as const;
  for (const [signer, request, usages, why] of cases) {
    const said = whyNotSigned(signer, request, usages);
    if (why === undefined) assert.equal(said, undefined);
    else assert.match(said!, why);
  }
});
