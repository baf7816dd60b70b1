import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { VirtualClock } from '../../base/virtual-clock.ts';
import { userOfCertificate } from './authenticate.ts';
import { createAuthority, issueCertificate } from './certificates.ts';

const server = { commonName: 'kube-apiserver', dnsNames: ['kubernetes', 'kubernetes.default.svc', 'localhost'], ipAddresses: ['127.0.0.1', '10.96.0.1', '::1'], days: 365, usages: ['server'] } as const;
const admin = { commonName: 'kubernetes-admin', organizations: ['system:masters', 'second'], days: 365, usages: ['client'] } as const;

test('openssl verifies what is issued, for its purpose only', async () => {
  const authority = await createAuthority('peapod', systemClock);
  const serverCert = await issueCertificate(authority, server, systemClock);
  const clientCert = await issueCertificate(authority, admin, systemClock);
  const dir = mkdtempSync(join(tmpdir(), 'peapod-auth-'));
  try {
    writeFileSync(join(dir, 'ca.pem'), authority.certPem);
    writeFileSync(join(dir, 'server.pem'), serverCert.certPem);
    writeFileSync(join(dir, 'client.pem'), clientCert.certPem);
    const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: dir, encoding: 'utf8', stdio: 'pipe' });
    openssl('verify', '-x509_strict', '-purpose', 'sslserver', '-verify_ip', '10.96.0.1', '-verify_hostname', 'kubernetes.default.svc', '-CAfile', 'ca.pem', 'server.pem');
    openssl('verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', 'ca.pem', 'client.pem');
    assert.throws(() => openssl('verify', '-purpose', 'sslserver', '-CAfile', 'ca.pem', 'client.pem'));
    const text = openssl('x509', '-in', 'server.pem', '-noout', '-text');
    assert.match(text, /X509v3 Basic Constraints: critical\n\s+CA:FALSE/);
    assert.match(text, /X509v3 Key Usage: critical\n\s+Digital Signature, Key Encipherment/);
    assert.match(text, /X509v3 Authority Key Identifier/);
    assert.match(text, /DNS:kubernetes, DNS:kubernetes.default.svc, DNS:localhost, IP Address:127.0.0.1, IP Address:10.96.0.1, IP Address:0:0:0:0:0:0:0:1/);
    assert.match(openssl('x509', '-in', 'client.pem', '-noout', '-subject'), /O = system:masters, O = second, CN = kubernetes-admin/);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('each certificate has its own positive serial, and is valid by the clock it was given', async () => {
  const clock = new VirtualClock();
  const authority = await createAuthority('peapod', clock);
  const first = new X509Certificate((await issueCertificate(authority, admin, clock)).certPem);
  const second = new X509Certificate((await issueCertificate(authority, admin, clock)).certPem);
  assert.notEqual(first.serialNumber, second.serialNumber);
  assert.match(first.serialNumber, /^[4-7][0-9A-F]{31}$/);
  assert.equal(first.validFrom, 'Dec 31 23:55:00 2025 GMT');
  assert.equal(first.validTo, 'Jan  1 00:00:00 2027 GMT');
  assert.equal(first.verify(new X509Certificate(authority.certPem).publicKey), true);
});

test('an address that is none is refused', async () => {
  const authority = await createAuthority('peapod', systemClock);
  await assert.rejects(issueCertificate(authority, { ...server, ipAddresses: ['10.0.0'] }, systemClock), /not an IP address: "10.0.0"/);
});

test('mutual TLS: both sides verify, and the user is read from the certificate', async () => {
  const authority = await createAuthority('peapod', systemClock);
  const own = await issueCertificate(authority, server, systemClock);
  const theirs = await issueCertificate(authority, admin, systemClock);
  const listener = createServer({ key: own.keyPem, cert: own.certPem, ca: authority.certPem, requestCert: true, rejectUnauthorized: true });
  const seen = new Promise<TLSSocket>((resolve) => listener.once('secureConnection', resolve));
  await new Promise<void>((resolve) => listener.listen(0, '127.0.0.1', resolve));
  const { port } = listener.address() as { port: number };
  const client = connect({ host: '127.0.0.1', port, ca: authority.certPem, key: theirs.keyPem, cert: theirs.certPem });
  try {
    await new Promise<void>((resolve, reject) => client.once('secureConnect', resolve).once('error', reject));
    assert.equal(client.authorized, true);
    const socket = await seen;
    assert.equal(socket.authorized, true);
    assert.deepEqual(userOfCertificate(socket.getPeerCertificate().subject), { username: 'kubernetes-admin', groups: ['system:masters', 'second', 'system:authenticated'] });
  } finally {
    client.destroy();
    listener.close();
  }
});
