// Who is let in by which token, as kubectl sees it: tokens in Secrets, in a file, and of an issuer elsewhere.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { SignJWT } from 'jose';
import { secrets } from '../../src/api/kinds/secret.ts';
import { systemClock } from '../../src/base/clock.ts';
import type { ClusterOptions } from '../../src/cluster/options.ts';
import { UserError } from '../../src/cluster/user-error.ts';
import { startCluster } from '../../src/cluster/start-cluster.ts';
import { createAuthority, issueCertificate } from '../../src/server/auth/certificates.ts';
import { startRealCluster, until, type RealCluster } from '../support/real-cluster.ts';

describe('tokens', () => {
  const directory = mkdtempSync(join(tmpdir(), 'peapod-tokens-'));
  const file = (name: string) => join(directory, name);
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  let issuer: Server;
  let issuerUrl: string;
  let ca: string;
  let real: RealCluster;
  const idToken = (claims: object) => new SignJWT({ iss: issuerUrl, aud: 'peapod', exp: Math.floor(Date.now() / 1000) + 600, ...claims }).setProtectedHeader({ alg: 'RS256', kid: 'one' }).sign(privateKey);
  /** Without the admin's certificate, which would win. */
  const whoAmI = async (token: string): Promise<{ username: string; groups: string[]; extra?: object } | string> => {
    const config = file('nobody.kubeconfig');
    writeFileSync(config, `apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: ${real.cluster.server}, insecure-skip-tls-verify: true}}]\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nusers: [{name: u, user: {token: ${token}}}]\ncurrent-context: c\n`);
    const { code, stdout, stderr } = await real.tryKubectl(['--kubeconfig', config, 'auth', 'whoami', '-o', 'json']);
    return code === 0 ? JSON.parse(stdout).status.userInfo : stderr;
  };
  const statusOf = (path: string) => new Promise<number>((resolve, reject) => request(new URL(path, real.cluster.server), { rejectUnauthorized: false }, (response) => {
    response.resume();
    resolve(response.statusCode!);
  }).on('error', reject).end());

  before(async () => {
    const authority = await createAuthority('issuer', systemClock);
    const { certPem: cert, keyPem: key } = await issueCertificate(authority, { commonName: 'issuer', ipAddresses: ['127.0.0.1'], days: 1, usages: ['server'] }, systemClock);
    ca = authority.certPem;
    issuer = createServer({ cert, key }, ({ url }, response) => void response.end(JSON.stringify(url === '/keys' ? { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', alg: 'RS256' }] } : { issuer: issuerUrl, jwks_uri: `${issuerUrl}/keys` })));
    issuer.listen(0, '127.0.0.1');
    await once(issuer, 'listening');
    issuerUrl = `https://127.0.0.1:${(issuer.address() as AddressInfo).port}`;
    writeFileSync(file('ca.crt'), ca);
    writeFileSync(file('tokens.csv'), 'static-token,ann,7,"dev,ops"\n');
    real = await startRealCluster({
      node: false, tokenAuthFile: file('tokens.csv'), legacyServiceAccountTokens: true, anonymousAuth: false,
      oidcIssuerUrl: issuerUrl, oidcClientId: 'peapod', oidcCaFile: file('ca.crt'), oidcGroupsClaim: 'groups', oidcGroupsPrefix: 'oidc:', oidcRequiredClaim: ['hd=example.org'],
    });
  });
  after(async () => {
    await real?.[Symbol.asyncDispose]();
    issuer.close();
    issuer.closeAllConnections();
    rmSync(directory, { recursive: true, force: true });
  });

  test('a Secret that asks for a token gets one, kubectl shows it, and it is its account', async () => {
    await real.kubectl('create', 'serviceaccount', 'robot');
    const { code, stderr } = await real.tryKubectl(['apply', '-f', '-'], { input: 'apiVersion: v1\nkind: Secret\ntype: kubernetes.io/service-account-token\nmetadata: {name: robot-key, annotations: {kubernetes.io/service-account.name: robot}}\n' });
    assert.equal(code, 0, stderr);
    const secret = await until(real.cluster, secrets, { namespace: 'default', name: 'robot-key' }, (one) => Boolean(one?.data?.['token']));
    assert.match(Buffer.from(secret!.data!['ca.crt']!, 'base64').toString(), /BEGIN CERTIFICATE/);
    const token = Buffer.from(secret!.data!['token']!, 'base64').toString();
    assert.deepEqual(await whoAmI(token), { username: 'system:serviceaccount:default:robot', uid: secret!.metadata.annotations!['kubernetes.io/service-account.uid'], groups: ['system:serviceaccounts', 'system:serviceaccounts:default', 'system:authenticated'] });
    // The current one no longer looks for them.
    const { stdout: described } = await real.tryKubectl(['describe', 'serviceaccount', 'robot'], { version: '1.20' });
    assert.match(described, /Mountable secrets:\s+robot-token-[a-z0-9]{5}\n/);
    assert.match(described, /Tokens:\s+robot-key\n\s+robot-token-[a-z0-9]{5}\n/);
    await real.kubectl('delete', 'secret', 'robot-key');
    assert.match(String(await whoAmI(token)), /Unauthorized|logged in/);
  });

  test('a token of the file is its user', async () => {
    assert.deepEqual(await whoAmI('static-token'), { username: 'ann', uid: '7', groups: ['dev', 'ops', 'system:authenticated'] });
    assert.match(String(await whoAmI('another-token')), /Unauthorized|logged in/);
  });

  test('a token of the issuer is its user, by whose groups roles decide', async () => {
    const token = await idToken({ sub: 'jane', groups: ['dev'], hd: 'example.org' });
    assert.deepEqual(await whoAmI(token), { username: `${issuerUrl}#jane`, groups: ['oidc:dev', 'system:authenticated'] });
    assert.match(String(await whoAmI(await idToken({ sub: 'jane' }))), /Unauthorized|logged in/, 'the required claim is missing');
    await real.kubectl('create', 'clusterrolebinding', 'devs', '--clusterrole=view', '--group=oidc:dev');
    const { stdout } = await real.tryKubectl(['--kubeconfig', file('nobody.kubeconfig'), '--token', token, 'get', 'configmaps', '-o', 'name']);
    assert.match(stdout, /kube-root-ca.crt/);
  });

  test('nobody without a name is let in where that is said', async () => {
    assert.equal(await statusOf('/version'), 401);
    assert.equal(await statusOf('/healthz'), 401);
  });

  test('a file says the same and more: several issuers, expressions, paths that are open', async () => {
    const config = (more = '') => `apiVersion: apiserver.config.k8s.io/v1
kind: AuthenticationConfiguration
anonymous: {enabled: true, conditions: [{path: /livez}]}
jwt:
- issuer: {url: "${issuerUrl}", audiences: [peapod, other], audienceMatchPolicy: MatchAny, certificateAuthority: ${JSON.stringify(ca)}}
  claimMappings:
    username: {expression: 'claims.sub + "@corp"'}
    groups: {expression: 'claims.roles.split(",")'}
    extra: [{key: example.org/team, valueExpression: claims.team}]
  userValidationRules: [{expression: '!user.username.startsWith("system:")', message: reserved}]
${more}`;
    writeFileSync(file('authentication.yaml'), config());
    const options: ClusterOptions = { node: false, authenticationConfig: file('authentication.yaml') };
    const flagged = real;
    real = await startRealCluster(options);
    try {
      assert.deepEqual(await whoAmI(await idToken({ sub: 'jane', roles: 'dev,ops', team: 'blue' })), { username: 'jane@corp', groups: ['dev', 'ops', 'system:authenticated'], extra: { 'example.org/team': ['blue'] } });
      assert.match(String(await whoAmI(await idToken({ sub: 'system:x', roles: '', team: '' }))), /Unauthorized|logged in/);
      assert.deepEqual([await statusOf('/livez'), await statusOf('/version')], [200, 401]);
    } finally {
      await real[Symbol.asyncDispose]();
      real = flagged;
    }
    writeFileSync(file('authentication.yaml'), config('  claimValidationRules: [{claim: a, expression: b}]\n'));
    const refused = (more: ClusterOptions, words: RegExp) => assert.rejects(startCluster({ port: 0, ...options, ...more }), (error) => error instanceof UserError && words.test(error.message));
    await refused({}, /jwt\[0\]\.claimValidationRules\[0\]: Invalid value: "a": claim and expression can't both be set/);
    await refused({ oidcIssuerUrl: issuerUrl, oidcClientId: 'x' }, /authentication-config file and oidc-\* flags are mutually exclusive/);
    await refused({ authenticationConfig: undefined, oidcClientId: 'x' }, /oidc-issuer-url and oidc-client-id must be specified together/);
  });
});
