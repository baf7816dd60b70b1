// Chance for each part of a cluster, all from one seed: what one part draws does not change what another gets.
import { createECDH, createHash, createPrivateKey } from 'node:crypto';
import { seededRandom, type Random } from '../base/random.ts';

export function randomFor(seed: number, part: string): Random {
  return seededRandom(createHash('sha256').update(`${seed}/${part}`).digest().readUInt32LE());
}

/** A key on P-256 that follows from the seed, PKCS #8 in PEM. Worth nothing outside a test. */
export function signingKeyFor(seed: number): string {
  const curve = createECDH('prime256v1');
  const secret = createHash('sha256').update(`${seed}/key`).digest();
  curve.setPrivateKey(secret);
  const point = curve.getPublicKey();
  const jwk = { kty: 'EC', crv: 'P-256', d: secret.toString('base64url'), x: point.subarray(1, 33).toString('base64url'), y: point.subarray(33).toString('base64url') };
  return createPrivateKey({ key: jwk, format: 'jwk' }).export({ type: 'pkcs8', format: 'pem' }) as string;
}
