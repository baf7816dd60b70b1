// Tokens of an issuer of our own, over HTTPS.
import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import { SignJWT } from 'jose';
import { systemClock } from '../../../base/clock.ts';
import { silentLog } from '../../../base/log.ts';
import { VirtualClock } from '../../../base/virtual-clock.ts';
import { createAuthority, issueCertificate } from '../certificates.ts';
import { createJwtAuthenticator } from './authenticator.ts';
import { compileJwt, validateAuthentication, type JwtConfig } from './config.ts';
import { Refused, userOfClaims } from './user.ts';

describe('tokens of other issuers', () => {
  let server: Server;
  let url: string;
  let ca: string;
  let asked: string[] = [];
  let isDown = false;
  const keys = new Map<string, { key: KeyObject; alg: string; publicJwk: object }>();
  const addKey = (kid: string, alg: 'RS256' | 'ES256' = 'RS256') => {
    const { privateKey, publicKey } = alg === 'RS256' ? generateKeyPairSync('rsa', { modulusLength: 2048 }) : generateKeyPairSync('ec', { namedCurve: 'P-256' });
    keys.set(kid, { key: privateKey, alg, publicJwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' } });
  };
  const sign = (claims: object, kid = 'one') => new SignJWT({ iss: url, aud: 'peapod', ...claims }).setProtectedHeader({ alg: keys.get(kid)!.alg, kid }).sign(keys.get(kid)!.key);

  before(async () => {
    const authority = await createAuthority('issuer', systemClock);
    const { certPem: cert, keyPem: key } = await issueCertificate(authority, { commonName: 'issuer', ipAddresses: ['127.0.0.1'], days: 1, usages: ['server'] }, systemClock);
    ca = authority.certPem;
    addKey('one');
    server = createServer({ cert, key }, (request, response) => {
      asked.push(request.url!);
      if (isDown) return void response.writeHead(503).end();
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify(request.url === '/keys' ? { keys: [...keys.values()].map(({ publicJwk }) => publicJwk) } : { issuer: url, jwks_uri: `${url}/keys` }));
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  after(() => {
    server.close();
    server.closeAllConnections();
  });

  const config = (more: Partial<JwtConfig> = {}): JwtConfig => ({
    issuer: { url, audiences: ['peapod'], certificateAuthority: ca },
    claimMappings: { username: { claim: 'sub', prefix: 'oidc:' }, groups: { claim: 'groups', prefix: 'oidc:' } },
    ...more,
  });
  const setUp = (more: Partial<JwtConfig> = {}) => {
    const clock = new VirtualClock();
    asked = [];
    return { clock, now: Math.floor(clock.wallMs() / 1000), authenticate: createJwtAuthenticator([compileJwt(config(more))], clock, silentLog) };
  };

  test('a good token is a user with groups; what is bent, too late, too early or for others is nobody', async () => {
    const { authenticate, now, clock } = setUp();
    const good = await sign({ sub: 'ann', groups: ['dev', 'ops'], exp: now + 600 });
    assert.deepEqual(await authenticate(good), { username: 'oidc:ann', groups: ['oidc:dev', 'oidc:ops', 'system:authenticated'] });
    assert.ok(!(authenticate(good) instanceof Promise), 'and is known at once for a while');
    assert.deepEqual((await authenticate(await sign({ sub: 'bob', groups: 'dev', exp: now + 600 })))?.groups, ['oidc:dev', 'system:authenticated'], 'one group may be a text');
    const [head, , signature] = good.split('.');
    const bent = `${head}.${Buffer.from(JSON.stringify({ iss: url, aud: 'peapod', sub: 'root', exp: now + 600 })).toString('base64url')}.${signature}`;
    const unsigned = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${good.split('.')[1]}.`;
    const wrong = [bent, unsigned, await sign({ sub: 'ann', exp: now + 600, aud: 'other' }), await sign({ sub: 'ann' }), await sign({ sub: 'ann', exp: now - 1 }), await sign({ sub: 'ann', exp: now + 900, nbf: now + 301 }), await sign({ exp: now + 600 }), await sign({ sub: 'ann', exp: now + 600, groups: [1] }), await sign({ sub: 'ann', exp: now + 600, iss: 'https://elsewhere' }), 'a.b.c', 'x'.repeat(20_000)];
    for (const token of wrong) assert.equal(await authenticate(token), undefined, token.slice(0, 60));
    assert.ok(await authenticate(await sign({ sub: 'ann', exp: now + 900, nbf: now + 299 })), 'clocks differ');
    assert.ok(await authenticate(await sign({ sub: 'ann', exp: now + 900, aud: ['x', 'peapod'] })));
    await clock.advance(601_000);
    assert.equal(await authenticate(good), undefined, 'also when it was good before');
    assert.deepEqual(asked, ['/.well-known/openid-configuration', '/keys'], 'the keys are fetched once');
  });

  test('new keys are fetched when a token bears one, but not more often than every ten seconds', async () => {
    const { authenticate, clock, now } = setUp();
    assert.ok(await authenticate(await sign({ sub: 'ann', exp: now + 600 })));
    addKey('two');
    const second = await sign({ sub: 'ann', exp: now + 600, jti: '2' }, 'two');
    assert.equal(await authenticate(second), undefined, 'the issuer was asked just now');
    await clock.advance(10_000);
    assert.ok(await authenticate(second));
    assert.deepEqual(asked, ['/.well-known/openid-configuration', '/keys', '/keys']);
    keys.delete('two');
    await clock.advance(10_000);
    const many = await Promise.all(Array.from({ length: 20 }, async (_, index) => sign({ sub: 'ann', exp: now + 600, jti: `m${index}` })));
    assert.ok((await Promise.all(many.map(authenticate))).every((user) => user));
    assert.equal(asked.length, 3, 'a key that is known is not asked for');
  });

  test('an issuer that is down lets nobody in, and is asked again later', async () => {
    const { authenticate, clock, now } = setUp();
    const good = await sign({ sub: 'ann', exp: now + 600 });
    isDown = true;
    assert.equal(await authenticate(good), undefined);
    isDown = false;
    assert.equal(await authenticate(good), undefined);
    assert.equal(asked.length, 1);
    await clock.advance(10_000);
    assert.ok(await authenticate(good));
  });

  test('an issuer is asked only by the certificates that were given, and must be who it is said to be', async () => {
    const other = await createAuthority('other', systemClock);
    const { authenticate, now } = setUp({ issuer: { url, audiences: ['peapod'], certificateAuthority: other.certPem } });
    assert.equal(await authenticate(await sign({ sub: 'ann', exp: now + 600 })), undefined);
    assert.deepEqual(asked, []);
    const posing = setUp({ issuer: { url: `${url}/tenant`, audiences: ['peapod'], certificateAuthority: ca } });
    assert.equal(await posing.authenticate(await sign({ sub: 'ann', exp: posing.now + 600, iss: `${url}/tenant` })), undefined);
    assert.deepEqual(asked, ['/tenant/.well-known/openid-configuration']);
    const moved = setUp({ issuer: { url, discoveryURL: `${url}/found/here`, audiences: ['peapod'], certificateAuthority: ca } });
    assert.ok(await moved.authenticate(await sign({ sub: 'ann', exp: moved.now + 600 })));
    assert.equal(asked[0], '/found/here');
  });

  test('other algorithms than those allowed are refused', async () => {
    addKey('curve', 'ES256');
    const clock = new VirtualClock();
    const token = await sign({ sub: 'ann', exp: clock.wallMs() / 1000 + 600 }, 'curve');
    assert.equal(await createJwtAuthenticator([compileJwt(config(), ['RS256'])], clock, silentLog)(token), undefined);
    assert.ok(await createJwtAuthenticator([compileJwt(config())], clock, silentLog)(token));
  });
});

const of = (more: Partial<JwtConfig>, claims: object) => {
  try {
    return userOfClaims(compileJwt({ issuer: { url: 'https://i', audiences: ['a'] }, claimMappings: { username: { claim: 'sub', prefix: '' } }, ...more }), { sub: 'ann', ...claims });
  } catch (error) {
    if (error instanceof Refused) return error.message;
    throw error;
  }
};

test('an e-mail address must be verified where the token says whether it is', () => {
  const byMail = { claimMappings: { username: { claim: 'email', prefix: '' } } };
  assert.equal((of(byMail, { email: 'a@b' }) as { username: string }).username, 'a@b');
  assert.equal((of(byMail, { email: 'a@b', email_verified: true }) as { username: string }).username, 'a@b');
  assert.equal(of(byMail, { email: 'a@b', email_verified: false }), 'oidc: email not verified');
  assert.equal(of(byMail, {}), 'oidc: parse username claims "email": claim not present');
});

test('required claims, expressions for each part of the user, and rules over claims and user', () => {
  const required = { claimValidationRules: [{ claim: 'hd', requiredValue: 'example.org' }] };
  assert.equal(of(required, {}), 'oidc: required claim hd not present in ID token');
  assert.equal(of(required, { hd: 'x' }), 'oidc: required claim hd value does not match. Got = x, want = example.org');
  const whole: Partial<JwtConfig> = {
    claimMappings: {
      username: { expression: '"corp:" + claims.sub' },
      groups: { expression: 'claims.roles.split(",")' },
      uid: { expression: 'string(claims.id)' },
      extra: [{ key: 'example.org/team', valueExpression: 'claims.?team.orValue("")' }, { key: 'example.org/tags', valueExpression: 'claims.tags' }],
    },
    claimValidationRules: [{ expression: 'claims.age >= 18', message: 'too young' }],
    userValidationRules: [{ expression: '!user.username.startsWith("system:") && user.groups.exists(g, g == "dev")', message: 'not of us' }],
  };
  const claims = { roles: 'dev,ops', id: 7, tags: ['a', '', 'b'], age: 18 };
  assert.deepEqual(of(whole, claims), { username: 'corp:ann', uid: '7', groups: ['dev', 'ops', 'system:authenticated'], extra: { 'example.org/tags': ['a', 'b'] } });
  assert.match(of(whole, { ...claims, age: 17 }) as string, /validation expression 'claims.age >= 18' failed: too young/);
  assert.match(of(whole, { ...claims, roles: 'ops' }) as string, /failed: not of us/);
  assert.match(of(whole, { roles: 'dev' }) as string, /no such key/);
});

test('what no configuration can be is told with its place, in the words of Kubernetes', () => {
  const wrong = (jwt: JwtConfig) => validateAuthentication({ jwt: [jwt] }, ['https://kubernetes.default.svc.cluster.local']).map(({ field, message }) => `${field}: ${message}`);
  const good: JwtConfig = { issuer: { url: 'https://i', audiences: ['a'] }, claimMappings: { username: { claim: 'sub', prefix: '' } } };
  assert.deepEqual(wrong(good), []);
  assert.deepEqual(wrong({}), ['jwt[0].issuer.url: Required value', 'jwt[0].issuer.audiences: Required value: at least one jwt[0].issuer.audiences is required', 'jwt[0].claimMappings.username: Required value: claim or expression is required']);
  assert.deepEqual(wrong({ ...good, issuer: { url: 'http://u:p@i?q#f', audiences: ['a', 'b'] } }).length, 5);
  assert.deepEqual(wrong({ ...good, issuer: { url: 'https://kubernetes.default.svc.cluster.local', audiences: ['a'] } }).length, 1);
  assert.deepEqual(wrong({ ...good, claimMappings: { username: { claim: 'sub' } } }), ['jwt[0].claimMappings.username.prefix: Required value: prefix is required when claim is set. It can be set to an empty string to disable prefixing']);
  assert.match(wrong({ ...good, claimMappings: { username: { expression: 'claims.email' } } })[0]!, /claims.email_verified must be used/);
  assert.deepEqual(wrong({ ...good, claimMappings: { username: { expression: 'claims.email' } }, claimValidationRules: [{ expression: 'claims.?email_verified.orValue(true)' }] }), []);
  assert.match(wrong({ ...good, userValidationRules: [{ expression: 'user.' }] })[0]!, /^jwt\[0\]\.userValidationRules\[0\]\.expression: Invalid value: "user\.": compilation failed: ERROR/);
  assert.match(wrong({ ...good, claimMappings: { ...good.claimMappings, extra: [{ key: 'foo.k8s.io/Bar', valueExpression: '"x"' }] } }).join(), /must be lowercase.*reserved for Kubernetes use/);
});
